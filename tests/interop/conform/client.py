"""A client with websockets (PyPI). Connects to a URL again and again, returns messages, and ends when it is refused."""
import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException


async def main():
    while True:
        try:
            async with connect(sys.argv[1], proxy=None, compression="deflate") as ws:
                async for message in ws:
                    await ws.send(message)
        except ConnectionRefusedError:
            return
        except (WebSocketException, OSError, EOFError):
            pass


asyncio.run(main())
