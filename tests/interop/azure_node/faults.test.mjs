// The SDKs' fault hook: a device asks for a fault with properties of a message, its client comes back by itself and goes on.
import { test, describe } from 'node:test';
import assert from 'node:assert/strict';
import { newDevice, openDevice, registry, until, Message, Mqtt, MqttWs, Amqp, AmqpWs } from './surroundings.mjs';

function asking(type, reason, delay, duration) {
  const message = new Message('');
  message.properties.add('AzIoTHub_FaultOperationType', type);
  message.properties.add('AzIoTHub_FaultOperationCloseReason', reason);
  message.properties.add('AzIoTHub_FaultOperationDelayInSecs', delay);
  if (duration !== undefined) message.properties.add('AzIoTHub_FaultOperationDurationInSecs', duration);
  return message;
}

const disconnects = [
  ['MQTT', Mqtt, 'KillTcp'],
  ['MQTT', Mqtt, 'ShutDownMqtt'],
  ['MQTT in WebSockets', MqttWs, 'KillTcp'],
  ['AMQP', Amqp, 'KillTcp'],
  ['AMQP', Amqp, 'KillAmqpConnection'],
  ['AMQP', Amqp, 'KillAmqpSession'],
  ['AMQP', Amqp, 'KillAmqpCBSLinkReq'],
  ['AMQP', Amqp, 'KillAmqpCBSLinkResp'],
  ['AMQP', Amqp, 'KillAmqpD2CLink'],
  ['AMQP', Amqp, 'ShutDownAmqp'],
  ['AMQP in WebSockets', AmqpWs, 'KillTcp'],
];

// What Node's client is told to send while a session of it ends, it may never answer: nothing is on its way then.
const quiet = new Set(['KillAmqpSession']);

async function isGone(id) {
  return (await registry.getTwin(id)).responseBody.connectionState === 'Disconnected';
}

for (const [name, transport, type] of disconnects) {
  describe(name, () => {
    test(`${type}: the client comes back by itself and goes on`, async () => {
      const device = await newDevice('fault');
      const client = await openDevice(device, transport);
      await client.sendEvent(new Message('before'));
      await client.sendEvent(asking(type, 'boom', 1));
      if (quiet.has(type)) await until(() => isGone(device.deviceId), 'the fault strikes');
      const end = Date.now() + 4_000;
      // The fault strikes while messages are on their way; none may be lost.
      for (let i = 0; Date.now() < end; i += 1) {
        await client.sendEvent(new Message(`during ${i}`));
        await new Promise((resolve) => { setTimeout(resolve, 100); });
      }
      await client.sendEvent(new Message('after'));
      await client.close();
    });
  });
}

describe('AMQP', () => {
  test('InvokeThrottling refuses messages for its time', async () => {
    const client = await openDevice(await newDevice('fault'), Amqp);
    client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 });
    await client.sendEvent(asking('InvokeThrottling', 'boom', 0, 2));
    await assert.rejects(client.sendEvent(new Message('x')));
    await until(() => client.sendEvent(new Message('x')).then(() => true, () => false), 'the fault ends');
    await client.close();
  });

  test('an unknown fault is refused', async () => {
    const client = await openDevice(await newDevice('fault'), Amqp);
    client.setRetryPolicy({ shouldRetry: () => false, nextRetryTimeout: () => -1 });
    await assert.rejects(client.sendEvent(asking('NoSuchThing', 'boom', 0)));
    await client.sendEvent(new Message('goes on'));
    await client.close();
  });
});
