"""Reads alerts by gRPC with code that is generated from the descriptions: PROTO-FOLDER SCRATCH-FOLDER ADDRESS COUNT."""
import sys
import threading

import grpc
import grpc_tools
from grpc_tools import protoc

proto, scratch, address, count = sys.argv[1:]
names = ["schema.proto", "outputs.proto", "version.proto"]
# The descriptions that come with it.
included = grpc_tools.__path__[0] + "/_proto"
made = protoc.main(["protoc", f"-I{proto}", f"-I{included}", f"--python_out={scratch}", f"--grpc_python_out={scratch}", *names])
assert made == 0
sys.path.insert(0, scratch)
import outputs_pb2
import outputs_pb2_grpc
import version_pb2
import version_pb2_grpc


def check(number, alert):
    assert alert.time.seconds == 1_700_000_000 and alert.time.nanos == number, alert
    assert alert.output_fields["n"] == str(number) and alert.hostname == "host"
    assert alert.priority == 4 and alert.source == "syscall" and list(alert.tags) == ["a", "b"]


with grpc.insecure_channel(address) as channel:
    version = version_pb2_grpc.serviceStub(channel).version(version_pb2.request())
    assert (version.major, version.minor, version.patch, version.engine_minor) == (1, 2, 3, 63)
    print("version", version.version, "engine", version.engine_version)
    outputs = outputs_pb2_grpc.serviceStub(channel)
    seen = 0
    # What is there now, until half of the alerts are taken.
    while seen < int(count) // 2:
        for alert in outputs.get(outputs_pb2.request()):
            check(seen, alert)
            seen += 1
    print("get")
    # The rest, as it comes, until we have enough.
    enough = threading.Event()

    def requests():
        yield outputs_pb2.request()
        enough.wait(60)

    if seen < int(count):
        stream = outputs.sub(requests(), timeout=60)
        for alert in stream:
            check(seen, alert)
            seen += 1
            if seen == int(count):
                break
        enough.set()
        stream.cancel()
    assert seen == int(count), seen
    print("sub")
