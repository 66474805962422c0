"""nginx in front of other servers: once as it should be, and with the mistakes that people make."""

import contextlib
import os
from urllib.parse import urlsplit

from rig import accepts, free_port, until

PASSES = """
proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection upgrade;
"""


def config(folder, servers):
    """`servers` are pairs of a port and the rest of a server block."""
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    blocks = "".join(f"server {{ listen 127.0.0.1:{port}; {rest} }}\n" for port, rest in servers)
    return f"""
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
access_log off;
{temporary}
{blocks}
}}
"""


@contextlib.contextmanager
def running(rig, backends):
    """Yields the ports by what the servers do."""
    names = [f"{what} {peer}" for peer in ("python", "node") for what in ("passes", "drops")] + ["down", "named"]
    ports = {name: free_port() for name in names}
    servers = []
    for peer, backend in zip(("python", "node"), backends):
        target = f"proxy_pass http://{urlsplit(backend).netloc};"
        servers.append((ports[f"passes {peer}"], f"location / {{ {PASSES} {target} }}"))
        servers.append((ports[f"drops {peer}"], f"location / {{ {target} }}"))
    servers.append((ports["down"], f"location / {{ {PASSES} proxy_pass http://127.0.0.1:{free_port()}; }}"))
    # The first server block of a port is that for other names.
    servers.append((ports["named"], "server_name _; return 404;"))
    target = f"proxy_pass http://{urlsplit(backends[0]).netloc};"
    servers.append((ports["named"], f"server_name app.example; location / {{ {PASSES} {target} }}"))
    path = rig.file("nginx.conf", config(rig.folder, servers).encode())
    process = rig.start("nginx", "-p", rig.folder, "-c", path, "-e", os.path.join(rig.folder, "start.log"))
    until(lambda: process.popen.poll() is not None or accepts(ports["named"]), "nginx listens")
    try:
        yield ports
    finally:
        # Its workers end with it, unless it is killed.
        process.popen.terminate()
        process.wait()
