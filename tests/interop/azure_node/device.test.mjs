// Devices through azure-iot-device over MQTT, MQTT in WebSockets and HTTPS.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import {
  newDevice, openDevice, once, until, registry, ownerString, Message, Mqtt, MqttWs, Amqp, AmqpWs, Http, ServiceClient, DeviceClient, host, ca,
} from './surroundings.mjs';

// 404103: the SDK has no class of its own for it.
function isNotOnline(error) {
  return error.response?.statusCode === 404 && error.response.headers['iothub-errorcode'] === 'DeviceNotOnline';
}

const service = ServiceClient.fromConnectionString(ownerString);

for (const [name, transport] of [['MQTT', Mqtt], ['MQTT in WebSockets', MqttWs], ['AMQP', Amqp], ['AMQP in WebSockets', AmqpWs]]) {
  describe(name, () => {
    test('telemetry with properties is acknowledged', async () => {
      const device = await newDevice('telemetry');
      const client = await openDevice(device, transport);
      const message = new Message(JSON.stringify({ temperature: 21 }));
      message.contentType = 'application/json';
      message.contentEncoding = 'utf-8';
      message.messageId = 'm1';
      message.properties.add('site', 'a b/c&d=e');
      await client.sendEvent(message);
      await client.close();
    });

    test('twin: get, report, and hear of desired changes', async () => {
      const device = await newDevice('twin');
      const client = await openDevice(device, transport);
      const twin = await client.getTwin();
      await new Promise((resolve, reject) =>
        twin.properties.reported.update({ firmware: '1.2' }, (error) => (error ? reject(error) : resolve())));
      const { responseBody: seen } = await registry.getTwin(device.deviceId);
      assert.equal(seen.properties.reported.firmware, '1.2');
      assert.equal(seen.connectionState, 'Connected');
      // `on` subscribes without telling when that is done: a first change is repeated until it is heard, then each one has to arrive.
      let listens = false;
      twin.on('properties.desired.round', () => { listens = true; });
      let round = 0;
      await until(async () => {
        round += 1;
        await seen.update({ properties: { desired: { round } } });
        return listens;
      }, 'the device listens');
      const changed = once(twin, 'properties.desired.interval');
      await seen.update({ properties: { desired: { interval: 7 } } });
      const [value] = await changed;
      assert.equal(value, 7);
      await registry.updateTwin(device.deviceId, { properties: { desired: null } }, '*');
      await until(async () => twin.properties.desired.interval === undefined, 'the device hears that all is gone');
      await client.close();
    });

    test('a direct method and its answer', async () => {
      const device = await newDevice('method');
      const client = await openDevice(device, transport);
      client.onDeviceMethod('reboot', (request, response) => {
        assert.deepEqual(request.payload, { delay: 3 });
        response.send(202, { accepted: true }, () => {});
      });
      const { result } = await until(
        () => service.invokeDeviceMethod(device.deviceId, { methodName: 'reboot', payload: { delay: 3 }, responseTimeoutInSeconds: 10 })
          .catch((error) => { if (isNotOnline(error)) return undefined; throw error; }),
        'the device listens');
      assert.equal(result.status, 202);
      assert.deepEqual(result.payload, { accepted: true });
      await client.close();
    });

    test('the wrong key is not authorised', async () => {
      const device = await newDevice('wrong');
      const key = Buffer.alloc(32).toString('base64');
      const client = DeviceClient.fromConnectionString(`HostName=${host};DeviceId=${device.deviceId};SharedAccessKey=${key}`, transport);
      await client.setOptions({ ca });
      await assert.rejects(client.open(), { name: 'UnauthorizedError' });
    });
  });
}

describe('HTTPS', () => {
  test('telemetry, one and in a batch', async () => {
    const device = await newDevice('http');
    const client = await openDevice(device, Http);
    const message = new Message('one');
    message.properties.add('site', 'a');
    await client.sendEvent(message);
    await client.sendEventBatch([new Message('two'), new Message('three')]);
    await client.close();
  });

  test('the wrong key is not authorised', async () => {
    const device = await newDevice('wrong');
    const key = Buffer.alloc(32).toString('base64');
    const client = await openDevice({ connectionString: `HostName=${host};DeviceId=${device.deviceId};SharedAccessKey=${key}` }, Http);
    await assert.rejects(client.sendEvent(new Message('not mine')), { name: 'UnauthorizedError' });
  });
});

test('a method of a device that is away says so', async () => {
  const device = await newDevice('away');
  await assert.rejects(service.invokeDeviceMethod(device.deviceId, { methodName: 'x', responseTimeoutInSeconds: 5 }), isNotOnline);
});
