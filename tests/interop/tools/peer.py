"""Python's websockets as a server: prints its port, and what happens to each connection.

peer.py [deflate] [upper] [origin=O] [basic=USER:PASSWORD]
    deflate     agrees to compress
    upper       answers in capitals
    origin=O    lets in clients with this Origin only
    basic=...   lets in clients with these credentials only
"""

import asyncio
import sys

from websockets.asyncio.server import basic_auth, serve
from websockets.exceptions import ConnectionClosed

flags = dict(word.partition("=")[::2] for word in sys.argv[1:])


def say(*words):
    print(*words, flush=True)


async def handle(connection):
    extensions = connection.response.headers.get("Sec-WebSocket-Extensions", "none")
    say("open", extensions)
    try:
        async for message in connection:
            await connection.send(message.upper() if "upper" in flags else message)
    except ConnectionClosed:
        pass
    say("close", connection.close_code, connection.close_reason)


async def main():
    settings = {"compression": "deflate" if "deflate" in flags else None, "max_size": None}
    if "origin" in flags:
        settings["origins"] = [flags["origin"]]
    if "basic" in flags:
        settings["process_request"] = basic_auth(credentials=tuple(flags["basic"].split(":", 1)))
    async with serve(handle, "127.0.0.1", 0, **settings) as server:
        say(server.sockets[0].getsockname()[1])
        await server.serve_forever()


asyncio.run(main())
