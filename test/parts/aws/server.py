"""Moto, an emulator of AWS, with what `plus/` adds to it. Ends with the process that started it.

   python server.py -H 127.0.0.1 -p PORT
"""
import importlib
import os
import pkgutil
import sys
import threading
import time

import plus
from moto.server import main


def end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    for module in pkgutil.iter_modules(plus.__path__):
        importlib.import_module(f"plus.{module.name}")
    main(sys.argv[1:])
