# An echo server on Protocol::WebSocket (Debian's libprotocol-websocket-perl), one process for each connection. Prints its port.
use strict;
use warnings;
use IO::Socket::INET;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Server;

$| = 1;
$SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 16) or die $!;
print $listener->sockport, "\n";
while (my $socket = $listener->accept) {
    defined(my $child = fork) or die $!;
    next if $child;
    serve($socket);
    exit 0;
}

sub serve {
    my ($socket) = @_;
    my $handshake = Protocol::WebSocket::Handshake::Server->new;
    until ($handshake->is_done) {
        $socket->sysread(my $chunk, 4096) or return;
        $handshake->parse($chunk) or die $handshake->error;
    }
    $socket->syswrite($handshake->to_string);
    my $frame = Protocol::WebSocket::Frame->new(version => $handshake->version, max_payload_size => 1 << 20);
    while (1) {
        while (defined(my $bytes = $frame->next_bytes)) {
            my $type = $frame->is_binary ? 'binary' : $frame->is_close ? 'close' : $frame->is_ping ? 'pong' : 'text';
            my %answer = (type => $type, version => $handshake->version, buffer => $bytes, max_payload_size => 1 << 20);
            my $answer = Protocol::WebSocket::Frame->new(%answer)->to_bytes;
            while (length $answer) {
                my $written = $socket->syswrite($answer) or return;
                substr($answer, 0, $written, '');
            }
            return if $type eq 'close';
        }
        $socket->sysread(my $chunk, 65536) or return;
        $frame->append($chunk);
    }
}
