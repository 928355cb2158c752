"""A simulated machine: pymodbus's server in a thread, on a free port of the loopback."""
import asyncio
import logging
import threading

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.device import ModbusDeviceIdentification
from pymodbus.server.async_io import ModbusConnectedRequestHandler, ModbusTcpServer
from pymodbus.transaction import ModbusSocketFramer

logging.getLogger("pymodbus").setLevel(logging.CRITICAL)


class Machine:
    """Registers and inputs hold their own address, coils are on where it is even. Unit 1."""

    def __init__(self):
        numbers = list(range(1000))
        even = [address % 2 == 0 for address in numbers]
        self.unit = ModbusSlaveContext(di=ModbusSequentialDataBlock(0, even), co=ModbusSequentialDataBlock(0, list(even)),
                                       hr=ModbusSequentialDataBlock(0, list(numbers)), ir=ModbusSequentialDataBlock(0, numbers),
                                       zero_mode=True)
        self.requests = []
        self.port = 0
        started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()

    def _run(self, started):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve(started))

    async def _serve(self, started):
        requests = self.requests

        class Handler(ModbusConnectedRequestHandler):
            def execute(self, request, *addr):
                requests.append(request.function_code)
                super().execute(request, *addr)

        identity = ModbusDeviceIdentification(info_name={"VendorName": "Pressworks", "ProductCode": "P9",
                                                         "MajorMinorRevision": "1.7"})
        self.server = ModbusTcpServer(ModbusServerContext({1: self.unit}, single=False), ModbusSocketFramer, identity,
                                      ("127.0.0.1", self.port), handler=Handler, allow_reuse_address=True)
        self.stopped = asyncio.Event()
        task = asyncio.ensure_future(self.server.serve_forever())
        await self.server.serving
        self.port = self.server.server.sockets[0].getsockname()[1]
        started.set()
        await self.stopped.wait()
        task.cancel()
        for session in list(self.server.active_connections.values()):
            session.transport.abort()
        self.server.server.close()
        await asyncio.sleep(0)

    def holding(self, address, count=1):
        return self.unit.getValues(3, address, count)

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join()

    def start_again(self):
        """On the port of before."""
        started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        started.wait()
