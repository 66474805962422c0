# A client on the gem websocket (Debian's ruby-websocket): sends texts and waits for their echoes.
# usage: websocket_client.rb PORT VERSION (its own names: 75, 7, 8, 13)
require 'socket'
require 'websocket'

port, version = ARGV
version = version.to_i
url = "ws://127.0.0.1:#{port}/echo?by=ruby"
socket = TCPSocket.new('127.0.0.1', port.to_i)
handshake = WebSocket::Handshake::Client.new(url: url, version: version, headers: { 'Origin' => "http://127.0.0.1:#{port}" })
socket.write(handshake.to_s)
until handshake.finished?
  handshake << socket.readpartial(1)
end
raise "the handshake is not good: #{handshake.error}" unless handshake.valid?

incoming = WebSocket::Frame::Incoming::Client.new(version: handshake.version)
['hello', 'Grüße ☃', 'x' * 300, 'y' * 70_000].each do |text|
  frame = WebSocket::Frame::Outgoing::Client.new(version: handshake.version, data: text, type: :text)
  socket.write(frame.to_s)
  message = nil
  until (message = incoming.next)
    incoming << socket.readpartial(65_536)
  end
  got = message.to_s.dup.force_encoding('UTF-8')
  raise "sent #{text.length} characters, got #{got.length}: #{got[0, 40].inspect}" unless got == text
end
puts 'echoed'
