# An echo server on em-websocket (Debian's ruby-em-websocket). Prints its port.
require 'em-websocket'
$stdout.sync = true

EM.run do
  server = EM::WebSocket.run(host: '127.0.0.1', port: 0) do |ws|
    ws.onmessage { |text| ws.send_text(text) }
    ws.onbinary { |bytes| ws.send_binary(bytes) }
    ws.onerror { |error| $stderr.puts "em-websocket: #{error.class}: #{error.message}" }
  end
  puts Socket.unpack_sockaddr_in(EM.get_sockname(server)).first
end
