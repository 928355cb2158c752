// Devices through azure-iot-device over MQTT, MQTT in WebSockets and HTTPS.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import {
  newDevice, openDevice, once, until, registry, ownerString, Message, Mqtt, MqttWs, Amqp, AmqpWs, Http, ServiceClient, DeviceClient, ModuleClient, host, ca,
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

describe('MQTT', () => {
  test('a disabled device is disconnected and stays out', async () => {
    const device = await newDevice('disabled');
    const client = await openDevice(device);
    client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
    const gone = once(client, 'disconnect');
    const { responseBody: entry } = await registry.get(device.deviceId);
    await registry.update({ ...entry, status: 'disabled' });
    await gone;
    await assert.rejects(openDevice(device), { name: 'UnauthorizedError' });
  });

  test('a second connection of a device closes the first', async () => {
    const device = await newDevice('second');
    const first = await openDevice(device);
    first.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => 0 });
    const gone = once(first, 'disconnect');
    const second = await openDevice(device);
    await gone;
    await second.sendEvent(new Message('still here'));
    await second.close();
  });

  test('a module speaks for itself', async () => {
    const device = await newDevice('module');
    await registry.addModule({ deviceId: device.deviceId, moduleId: 'sensor' });
    const { responseBody: module } = await registry.getModule(device.deviceId, 'sensor');
    const client = ModuleClient.fromConnectionString(
      `HostName=${host};DeviceId=${device.deviceId};ModuleId=sensor;SharedAccessKey=${module.authentication.symmetricKey.primaryKey}`, Mqtt);
    await client.setOptions({ ca });
    await client.open();
    await client.sendEvent(new Message('from the module'));
    await client.sendOutputEvent('out1', new Message('through an output'));
    const twin = await client.getTwin();
    assert.ok(twin.properties.desired.$version >= 1);
    await client.close();
  });
});

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
});

test('a method of a device that is away says so', async () => {
  const device = await newDevice('away');
  await assert.rejects(service.invokeDeviceMethod(device.deviceId, { methodName: 'x', responseTimeoutInSeconds: 5 }), isNotOnline);
});
