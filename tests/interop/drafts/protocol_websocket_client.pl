# A client on Protocol::WebSocket (Debian's libprotocol-websocket-perl): sends texts and waits for their echoes.
# usage: protocol_websocket_client.pl PORT VERSION (its own names, such as draft-ietf-hybi-00)
use strict;
use warnings;
use utf8;
use IO::Socket::INET;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Client;

my ($port, $version) = @ARGV;
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die $!;
my $handshake = Protocol::WebSocket::Handshake::Client->new(url => "ws://127.0.0.1:$port/echo?by=perl", version => $version);
$handshake->req->origin("http://127.0.0.1:$port");
$socket->syswrite($handshake->to_string);
my $rest = '';
until ($handshake->is_done) {
    # One byte at a time: what comes behind is not for it.
    $socket->sysread(my $chunk, 1) or die 'the server ended the handshake';
    $handshake->parse($chunk) or die $handshake->error;
}
my $frame = Protocol::WebSocket::Frame->new(version => $version, max_payload_size => 1 << 20);
for my $text ('hello', 'Grüße ☃', 'x' x 300, 'y' x 60_000) {
    my %message = (type => 'text', version => $version, buffer => $text, masked => $version =~ /hybi-1/ ? 1 : 0, max_payload_size => 1 << 20);
    $socket->syswrite(Protocol::WebSocket::Frame->new(%message)->to_bytes);
    my $echo;
    until (defined($echo = $frame->next)) {
        $socket->sysread(my $chunk, 65536) or die 'the server ended the connection';
        $frame->append($chunk);
    }
    die 'another text came back: ' . substr($echo, 0, 40) unless $echo eq $text;
}
print "echoed\n";
