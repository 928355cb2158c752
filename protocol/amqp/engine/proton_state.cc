#include "protocol/amqp/engine/proton_state.h"

#include <algorithm>

namespace pavise::amqp {
namespace {

// Connection errors are the hub's to log.
void no_log(intptr_t, pn_log_subsystem_t, pn_log_level_t, const char*) {}

}  // namespace

Engine::Proton::Proton(const std::string& container)
    : transport(pn_transport()), connection(pn_connection()), collector(pn_collector()) {
  PAVISE_CHECK(transport != nullptr && connection != nullptr && collector != nullptr);
  pn_logger_set_log_sink(pn_transport_logger(transport), no_log, 0);
  pn_transport_set_server(transport);
  pn_transport_set_max_frame(transport, kFrameSizeMax);
  pn_transport_set_channel_max(transport, kSessionsMax - 1);
  pn_transport_set_idle_timeout(transport, static_cast<pn_millis_t>(kIdleTimeoutMs));
  pn_connection_set_container(connection, container.c_str());
  pn_connection_collect(connection, collector);
  PAVISE_CHECK(pn_transport_bind(transport, connection) == 0);
}

Engine::Proton::~Proton() {
  pn_transport_unbind(transport);
  pn_transport_free(transport);
  pn_collector_release(collector);
  pn_connection_free(connection);
  pn_collector_free(collector);
}

bool Engine::Proton::push(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t room = pn_transport_capacity(transport);
    if (room <= 0) return false;
    const std::size_t size = std::min(bytes.size(), static_cast<std::size_t>(room));
    const ssize_t taken =
        pn_transport_push(transport, reinterpret_cast<const char*>(bytes.data()), size);
    if (taken <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(taken));
  }
  return true;
}

bool Engine::Proton::push_open(ByteView frame) {
  const auto place = find_frame_size_max(frame);
  if (!place) return push(frame);
  const std::uint32_t told =
      ByteReader(frame.subspan(*place)).be<std::uint32_t>().value_or(kFrameSizeLeast);
  full_frames.set_frame_size_max(told);
  const std::uint32_t less =
      std::max(told, kFrameSizeLeast + kFullTransferGrowth) - kFullTransferGrowth;
  ByteWriter open;
  open.raw(frame.first(*place)).be(less).raw(frame.subspan(*place + sizeof(less)));
  return push(open.bytes());
}

void Engine::Proton::drain(Bytes& out) {
  for (;;) {
    const ssize_t pending = pn_transport_pending(transport);
    if (pending <= 0) return;
    const auto size = static_cast<std::size_t>(pending);
    full_frames.write(std::as_bytes(std::span(pn_transport_head(transport), size)), out);
    pn_transport_pop(transport, size);
  }
}

Engine::Link* Engine::Proton::find(LinkId id) {
  const auto found = links.find(id);
  return found == links.end() ? nullptr : &found->second;
}

pn_delivery_t* Engine::Proton::find(LinkId link, DeliveryId delivery) {
  Link* state = find(link);
  if (state == nullptr) return nullptr;
  const auto found = state->deliveries.find(delivery);
  return found == state->deliveries.end() ? nullptr : found->second;
}

LinkId Engine::Proton::id_of(pn_link_t* link) {
  return static_cast<LinkId>(reinterpret_cast<std::uintptr_t>(pn_link_get_context(link)));
}

void Engine::Proton::forget(LinkId id) {
  const auto found = links.find(id);
  if (found == links.end()) return;
  pn_link_set_context(found->second.link, nullptr);
  unfinished_bytes -= found->second.unfinished_bytes.size();
  links.erase(found);
}

void Engine::Proton::set(pn_condition_t* condition, const Condition& why) {
  pn_condition_set_name(condition, why.name.c_str());
  if (!why.description.empty()) pn_condition_set_description(condition, why.description.c_str());
  if (why.info.empty()) return;
  Bytes encoded;
  encode_value(Value(why.info), encoded);
  pn_data_t* info = pn_condition_info(condition);
  pn_data_clear(info);
  const auto taken =
      pn_data_decode(info, reinterpret_cast<const char*>(encoded.data()), encoded.size());
  PAVISE_CHECK(taken == static_cast<ssize_t>(encoded.size()));
}

}  // namespace pavise::amqp
