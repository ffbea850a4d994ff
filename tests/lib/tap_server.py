#!/usr/bin/env python3
"""Stands in for the tap of a server where the test needs an exact stream:
tap_server.py SOCKET FILE [PAUSE]. Sends FILE to the first client, 4 KiB at a
time with PAUSE seconds between, then waits for the client to go (PAUSE given)
or closes."""
import os
import socket
import sys
import time

path, data = sys.argv[1], open(sys.argv[2], "rb").read()
pause = float(sys.argv[3]) if len(sys.argv) > 3 else 0
s = socket.socket(socket.AF_UNIX)
s.bind(path + ".new")
s.listen(1)
os.rename(path + ".new", path)
c, _ = s.accept()
c.settimeout(20)
try:
    for i in range(0, len(data), 4096):
        c.sendall(data[i:i + 4096])
        time.sleep(pause)
    if pause:
        c.recv(1)
except OSError:
    pass
