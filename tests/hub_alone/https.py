"""One HTTPS connection of a device or a service, kept alive, with its token."""
import http.client
import json
import ssl

from tests.hub_alone.running_hub import fields, sas_token

API_VERSION = "2021-04-12"


class Caller:
    """Not thread-safe. What ends without an answer is ConnectionError, http.client.HTTPException or OSError."""

    def __init__(self, house, connection_string):
        trust = ssl.create_default_context(cafile=house.facts["ca_file"])
        self.connection = http.client.HTTPSConnection("127.0.0.1", house.facts["ports"]["https"], timeout=30, context=trust)
        self.host, self.token = fields(connection_string)["HostName"], sas_token(connection_string)

    def close(self):
        self.connection.close()

    def call(self, method, path, body=None, headers=None):
        """Status, headers and body, whatever the status is."""
        given = {"Host": self.host, "Authorization": self.token, "Content-Type": "application/json", **(headers or {})}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        self.connection.request(method, f"{path}?api-version={API_VERSION}", data, given)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def expect(self, status, method, path, body=None, headers=None):
        got, answer_headers, data = self.call(method, path, body, headers)
        if got != status:
            raise AssertionError(f"{method} {path}: {got} {data[:300]}")
        return answer_headers, json.loads(data) if data[:1] in b"{[" and data else data
