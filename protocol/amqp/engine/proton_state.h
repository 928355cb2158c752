// What the engine keeps of qpid-proton: private to this room.
#pragma once

#include <proton/codec.h>
#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/logger.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <unordered_map>

#include "protocol/amqp/engine/engine.h"
#include "protocol/amqp/engine/full_frames.h"

namespace pavise::amqp {

struct Engine::Link {
  pn_link_t* link = nullptr;
  bool client_sends = false;
  // Handed out and not settled, or sent and not settled. Owned by proton until then.
  std::unordered_map<DeliveryId, pn_delivery_t*> deliveries = {};
  // The message whose transfers are coming in.
  DeliveryId unfinished = 0;
  std::uint32_t unfinished_format = 0;
  Bytes unfinished_bytes = {};
  std::size_t message_size_max = kMessageSizeMax;
};

struct Engine::Proton {
  explicit Proton(const std::string& container);
  Proton(const Proton&) = delete;
  Proton& operator=(const Proton&) = delete;
  ~Proton();

  // False: proton ended the connection.
  bool push(ByteView bytes);
  // The client's open: proton is told to leave room in its frames for what drain() adds.
  bool push_open(ByteView frame);
  void drain(Bytes& out);
  Link* find(LinkId id);
  pn_delivery_t* find(LinkId link, DeliveryId delivery);
  // The id of a link of ours, 0 for one that is closed.
  static LinkId id_of(pn_link_t* link);
  void forget(LinkId id);
  static void set(pn_condition_t* condition, const Condition& why);

  pn_transport_t* transport;
  pn_connection_t* connection;
  pn_collector_t* collector;
  std::unordered_map<LinkId, Link> links;
  const Performative* current = nullptr;  // while proton handles its frame
  FullFrames full_frames;
  std::size_t unfinished_bytes = 0;
  LinkId next_link = 1;
  DeliveryId next_delivery = 1;
};

}  // namespace pavise::amqp
