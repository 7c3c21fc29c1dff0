"""Prints status and seconds of GET /health/live, 20 times a second: prober.py PORT"""
import socket
import sys
import time

while True:
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as connection:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = b""
            while part := connection.recv(4096):
                answer += part
        status = answer.split(b" ", 2)[1].decode() if answer else "0"
    except OSError as error:
        status = type(error).__name__
    print(status, time.monotonic() - began, flush=True)
    time.sleep(0.05)
