#include "protocol/amqp/engine/engine.h"

#include "protocol/amqp/engine/proton_state.h"

namespace pavise::amqp {
namespace {

constexpr std::uint64_t kSaslMechanisms = 0x40;
constexpr std::uint64_t kSaslInit = 0x41;
constexpr std::uint64_t kSaslOutcome = 0x44;
constexpr std::uint8_t kSaslOk = 0;
constexpr std::uint8_t kSaslAuthFailed = 1;

constexpr std::string_view kFramingError = "amqp:connection:framing-error";

pn_bytes_t to_pn(ByteView bytes) {
  return {bytes.size(), reinterpret_cast<const char*>(bytes.data())};
}

std::uint64_t state_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::accepted:
      return PN_ACCEPTED;
    case Outcome::rejected:
      return PN_REJECTED;
    case Outcome::released:
      return PN_RELEASED;
    case Outcome::modified:
      return PN_MODIFIED;
  }
  return PN_RELEASED;
}

}  // namespace

Engine::Engine(std::string container, std::vector<std::string> mechanisms)
    : container_(std::move(container)), mechanisms_(std::move(mechanisms)) {}

Engine::~Engine() = default;

void Engine::feed(ByteView bytes) {
  if (!failed_ && phase_ != Phase::ended) stream_.feed(bytes);
}

std::optional<Event> Engine::next() {
  for (;;) {
    if (!events_.empty()) {
      Event event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    if (failed_ || phase_ == Phase::ended || phase_ == Phase::sasl_pending) return std::nullopt;
    if (phase_ == Phase::header || phase_ == Phase::amqp_header) {
      const auto header = stream_.next_header();
      if (!header) {
        if (sasl_out_.empty() && !used_sasl_) sasl_out_ = protocol_header(ProtocolId::amqp);
        fail(header.error(), {});
        return std::nullopt;
      }
      if (!*header) return std::nullopt;
      handle_header(**header);
      continue;
    }
    const bool sasl = phase_ == Phase::sasl_init;
    const std::size_t most = sasl        ? kSaslFrameSizeMax
                             : admitted_ ? kFrameSizeMax
                                         : kStrangerBytesMax;
    const auto frame = stream_.next_frame(most);
    if (!frame) {
      fail(frame.error(), kFramingError);
      return std::nullopt;
    }
    if (!*frame) return std::nullopt;
    if (sasl) {
      handle_sasl(**frame);
    } else {
      handle_frame(**frame);
    }
  }
}

// --- Headers and SASL ----------------------------------------------------------------------------

void Engine::handle_header(ProtocolId id) {
  if (id == ProtocolId::sasl) {
    if (used_sasl_) return fail(kBadProtocolHeader, {});
    used_sasl_ = true;
    phase_ = Phase::sasl_init;
    Array offered;
    for (const std::string& mechanism : mechanisms_) offered.items.emplace_back(Symbol{mechanism});
    Bytes performative;
    encode_described(kSaslMechanisms, Value(List{Value(std::move(offered))}), performative);
    append(sasl_out_, protocol_header(ProtocolId::sasl));
    encode_frame(true, 0, performative, sasl_out_);
    return;
  }
  phase_ = Phase::amqp;
  proton_ = std::make_unique<Proton>(container_);
  if (!proton_->push(protocol_header(ProtocolId::amqp))) return fail(kEngineFailed, {});
  step();
}

void Engine::handle_sasl(const Frame& frame) {
  ValueReader reader(frame.body);
  const auto code = reader.next_descriptor();
  if (!frame.sasl || !code || *code != kSaslInit) return fail(kOutOfOrder, {});
  auto fields = reader.next();
  auto* list = fields ? std::get_if<List>(&fields->data) : nullptr;
  if (list == nullptr || list->empty() || list->size() > 3) return fail(kBadPerformative, {});
  const auto mechanism = text_of((*list)[0]);
  if (!mechanism) return fail(kBadPerformative, {});
  SaslStarted started{std::string(*mechanism), SecretBytes(), {}};
  if (list->size() > 1 && !(*list)[1].is_null()) {
    auto* response = std::get_if<Bytes>(&(*list)[1].data);
    if (response == nullptr) return fail(kBadPerformative, {});
    started.response = SecretBytes(std::move(*response));
  }
  if (list->size() > 2) started.host = text_of((*list)[2]).value_or("");
  phase_ = Phase::sasl_pending;
  events_.emplace_back(std::move(started));
}

void Engine::admit() {
  admitted_ = true;
  guard_.admit();
}

void Engine::sasl_done(bool accepted) {
  PAVISE_CHECK(phase_ == Phase::sasl_pending);
  Bytes performative;
  encode_described(kSaslOutcome, Value(List{Value(accepted ? kSaslOk : kSaslAuthFailed)}),
                   performative);
  encode_frame(true, 0, performative, sasl_out_);
  phase_ = Phase::amqp_header;
  if (!accepted) fail(kSaslRefused, {});
}

// --- Frames --------------------------------------------------------------------------------------

void Engine::handle_frame(const Frame& frame) {
  if (frame.sasl) return fail(kBadFrame, kFramingError);
  if (frame.body.empty()) {  // a heartbeat; proton counts it as a sign of life
    if (!proton_->push(frame.whole)) fail(kEngineFailed, {});
    return step();
  }
  const auto performative = Performative::decode(frame.body);
  if (!performative) return fail(performative.error(), "amqp:decode-error");
  if (const Status allowed = guard_.check(frame.channel, *performative); !allowed) {
    const bool too_many = allowed.error().is(kTooManyLinks) || allowed.error().is(kTooManySessions);
    return fail(allowed.error(), too_many ? "amqp:resource-limit-exceeded" : "amqp:not-allowed");
  }
  proton_->current = &*performative;
  const bool opens = performative->code == PerformativeCode::open;
  const bool alive = opens ? proton_->push_open(frame.whole) : proton_->push(frame.whole);
  step();
  if (!failed_ && !alive && phase_ != Phase::ended) fail(kEngineFailed, {});
  proton_->current = nullptr;
}

// Turns what proton noticed into events.
void Engine::step() {
  while (pn_event_t* event = pn_collector_peek(proton_->collector)) {
    if (!failed_) handle(event);
    pn_collector_pop(proton_->collector);
  }
}

void Engine::handle(pn_event_t* event) {
  switch (pn_event_type(event)) {
    case PN_CONNECTION_REMOTE_OPEN: {
      const Performative& open = *proton_->current;
      const auto* host = open.get<std::string>(1);
      events_.emplace_back(ConnectionOpened{*open.get<std::string>(0), host ? *host : ""});
      break;
    }
    case PN_CONNECTION_REMOTE_CLOSE:
      pn_connection_close(proton_->connection);
      phase_ = Phase::ended;
      events_.emplace_back(ConnectionClosed{});
      break;
    case PN_SESSION_REMOTE_OPEN:
      pn_session_open(pn_event_session(event));
      break;
    case PN_SESSION_REMOTE_CLOSE:
      session_ended(pn_event_session(event));
      break;
    case PN_LINK_REMOTE_OPEN:
      link_attached(pn_event_link(event));
      break;
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
      link_detached(pn_event_link(event), pn_event_type(event) == PN_LINK_REMOTE_DETACH);
      break;
    case PN_LINK_FLOW:
      if (const LinkId id = Proton::id_of(pn_event_link(event)))
        if (!proton_->find(id)->client_sends) events_.emplace_back(CreditChanged{id});
      break;
    case PN_DELIVERY: {
      pn_delivery_t* delivery = pn_event_delivery(event);
      if (pn_link_is_receiver(pn_delivery_link(delivery))) {
        delivery_arrived(delivery);
      } else {
        delivery_updated(delivery);
      }
      break;
    }
    case PN_TRANSPORT_ERROR: {
      pn_condition_t* why = pn_transport_condition(proton_->transport);
      const char* text = pn_condition_get_description(why);
      const std::string_view detail = text == nullptr ? "" : text;
      fail(detail.starts_with("local-idle-timeout") ? Error(kIdleTimeout)
                                                    : Error(kEngineFailed, std::string(detail)),
           {});
      break;
    }
    default:
      break;
  }
}

void Engine::session_ended(pn_session_t* session) {
  forget_links(session);
  pn_session_close(session);
  pn_session_free(session);
}

void Engine::end_session(LinkId id, const Condition& why) {
  Link* state = proton_ ? proton_->find(id) : nullptr;
  if (state == nullptr) return;
  pn_session_t* session = pn_link_session(state->link);
  forget_links(session);
  Proton::set(pn_session_condition(session), why);
  pn_session_close(session);
}

void Engine::forget_links(pn_session_t* session) {
  for (pn_link_t* link = pn_link_head(proton_->connection, 0); link != nullptr;
       link = pn_link_next(link, 0)) {
    if (pn_link_session(link) != session) continue;
    const LinkId id = Proton::id_of(link);
    if (id == 0) continue;
    proton_->forget(id);
    events_.emplace_back(LinkClosed{id});
  }
}

// --- Links ---------------------------------------------------------------------------------------

namespace {

// Field of a source or target.
const Value& terminus_field(const Value& terminus, std::size_t index) {
  static const Value kNull;
  const auto* described = terminus.as<Described>();
  const auto* fields = described == nullptr ? nullptr : described->value->as<List>();
  return fields != nullptr && index < fields->size() ? (*fields)[index] : kNull;
}

std::string address_of(const Value& terminus) {
  return std::string(text_of(terminus_field(terminus, 0)).value_or(""));
}

Map map_of(const Value& value) {
  const auto* map = value.as<Map>();
  return map == nullptr ? Map{} : *map;
}

std::vector<std::string> symbols_of(const Value& value) {
  std::vector<std::string> out;
  if (const auto text = text_of(value)) out.emplace_back(*text);
  if (const auto* array = value.as<Array>())
    for (const Value& item : array->items)
      if (const auto text = text_of(item)) out.emplace_back(*text);
  return out;
}

}  // namespace

void Engine::link_attached(pn_link_t* link) {
  const Performative& attach = *proton_->current;
  const LinkId id = proton_->next_link++;
  const bool client_sends = pn_link_is_receiver(link);
  pn_link_set_context(link, reinterpret_cast<void*>(static_cast<std::uintptr_t>(id)));
  proton_->links.try_emplace(id, Link{.link = link, .client_sends = client_sends});
  const auto* settle_mode = attach.get<std::uint8_t>(3);
  events_.emplace_back(
      LinkOpened{id, client_sends, *attach.get<std::string>(0), address_of(attach.field(5)),
                 address_of(attach.field(6)), map_of(attach.field(13)),
                 map_of(terminus_field(attach.field(5), 7)),
                 settle_mode != nullptr && *settle_mode == 1, symbols_of(attach.field(12))});
}

void Engine::link_detached(pn_link_t* link, bool detached) {
  const LinkId id = Proton::id_of(link);
  if (id != 0) {
    proton_->forget(id);
    events_.emplace_back(LinkClosed{id});
    // A link that was only detached might be taken up again; there is nothing here to take up.
    if (detached) {
      pn_link_detach(link);
    } else {
      pn_link_close(link);
    }
  }
  pn_link_free(link);
}

void Engine::accept(LinkId id, unsigned credit, std::size_t message_size_max) {
  Link* state = proton_->find(id);
  if (state == nullptr) return;
  pn_link_t* link = state->link;
  pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
  pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
  pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
  pn_link_set_rcv_settle_mode(link, PN_RCV_FIRST);
  pn_link_set_max_message_size(link, message_size_max);
  state->message_size_max = message_size_max;
  pn_link_open(link);
  if (state->client_sends && credit != 0) pn_link_flow(link, static_cast<int>(credit));
}

void Engine::repeat_properties(LinkId id) {
  Link* state = proton_->find(id);
  pn_data_t* given = state == nullptr ? nullptr : pn_link_remote_properties(state->link);
  if (given != nullptr) pn_data_copy(pn_link_properties(state->link), given);
}

void Engine::refuse(LinkId id, const Condition& why) {
  // An attach without source and target says that there is no link (part 2, 2.6.3).
  if (Link* state = proton_->find(id)) {
    pn_terminus_set_type(pn_link_source(state->link), PN_UNSPECIFIED);
    pn_terminus_set_type(pn_link_target(state->link), PN_UNSPECIFIED);
    pn_link_open(state->link);
    close_link(id, why);
  }
}

void Engine::close_link(LinkId id, const Condition& why) {
  Link* state = proton_ ? proton_->find(id) : nullptr;
  if (state == nullptr) return;
  pn_link_t* link = state->link;
  Proton::set(pn_link_condition(link), why);
  pn_link_close(link);
  proton_->forget(id);
}

void Engine::grant(LinkId id, unsigned credit) {
  if (Link* state = proton_->find(id); state != nullptr && state->client_sends && credit != 0)
    pn_link_flow(state->link, static_cast<int>(credit));
}

// --- Deliveries ----------------------------------------------------------------------------------

void Engine::delivery_arrived(pn_delivery_t* delivery) {
  pn_link_t* link = pn_delivery_link(delivery);
  const LinkId id = Proton::id_of(link);
  Link* state = id == 0 ? nullptr : proton_->find(id);
  const bool is_new = pn_delivery_get_context(delivery) == nullptr;
  if (is_new) {
    const DeliveryId number = proton_->next_delivery++;
    pn_delivery_set_context(delivery, reinterpret_cast<void*>(number));
    if (pn_link_remote_credit(link) < 0)
      return fail(kCreditExceeded, "amqp:link:transfer-limit-exceeded");
    if (state != nullptr) {
      const auto* format = proton_->current->get<std::uint32_t>(3);
      state->unfinished = number;
      state->unfinished_format = format == nullptr ? 0 : *format;
    }
  }
  if (pn_link_current(link) != delivery) return;  // a disposition of the sender's
  while (const std::size_t pending = pn_delivery_pending(delivery)) {
    Bytes piece(pending);
    const ssize_t got = pn_link_recv(link, reinterpret_cast<char*>(piece.data()), pending);
    if (got <= 0) break;
    if (state == nullptr) continue;  // the link was closed by us; the client may not know yet
    append(state->unfinished_bytes, ByteView(piece).first(static_cast<std::size_t>(got)));
    proton_->unfinished_bytes += static_cast<std::size_t>(got);
  }
  if (proton_->unfinished_bytes > (admitted_ ? kUnfinishedBytesMax : kStrangerBytesMax))
    return fail(kTooMuchUnfinished, "amqp:resource-limit-exceeded");
  if (state != nullptr && state->unfinished_bytes.size() > state->message_size_max) {
    close_link(id, {"amqp:link:message-size-exceeded", "a message exceeds max-message-size"});
    events_.emplace_back(LinkClosed{id});
    state = nullptr;
  }
  if (pn_delivery_partial(delivery) && !pn_delivery_aborted(delivery)) return;
  if (state == nullptr || pn_delivery_aborted(delivery)) {
    if (state != nullptr) {
      proton_->unfinished_bytes -= state->unfinished_bytes.size();
      Bytes().swap(state->unfinished_bytes);
      pn_link_flow(link, 1);  // what was aborted used up a credit
    }
    pn_delivery_settle(delivery);
    return;
  }
  proton_->unfinished_bytes -= state->unfinished_bytes.size();
  state->deliveries.emplace(state->unfinished, delivery);
  events_.emplace_back(MessageReceived{id, state->unfinished, state->unfinished_format,
                                       std::move(state->unfinished_bytes),
                                       pn_delivery_settled(delivery)});
  state->unfinished_bytes = {};
  pn_link_advance(link);
}

void Engine::delivery_updated(pn_delivery_t* delivery) {
  const LinkId id = Proton::id_of(pn_delivery_link(delivery));
  if (id == 0 || !pn_delivery_updated(delivery)) return;
  const auto number = reinterpret_cast<DeliveryId>(pn_delivery_get_context(delivery));
  const auto outcome = [&]() -> std::optional<Outcome> {
    switch (pn_delivery_remote_state(delivery)) {
      case PN_ACCEPTED:
        return Outcome::accepted;
      case PN_REJECTED:
        return Outcome::rejected;
      case PN_RELEASED:
        return Outcome::released;
      case PN_MODIFIED:
        return Outcome::modified;
      default:
        return std::nullopt;
    }
  }();
  if (!outcome && !pn_delivery_settled(delivery)) return pn_delivery_clear(delivery);
  Link* state = proton_->find(id);
  if (state->deliveries.erase(number) == 0) return;
  pn_delivery_settle(delivery);
  events_.emplace_back(MessageSettled{id, number, outcome});
}

void Engine::settle(LinkId link, DeliveryId number, Outcome outcome, const Condition* why) {
  pn_delivery_t* delivery = proton_->find(link, number);
  if (delivery == nullptr) return;
  if (why != nullptr && outcome == Outcome::rejected)
    Proton::set(pn_disposition_condition(pn_delivery_local(delivery)), *why);
  outcomes_wait_ = true;
  pn_delivery_update(delivery, state_of(outcome));
  pn_delivery_settle(delivery);
  proton_->find(link)->deliveries.erase(number);
}

bool Engine::has_credit(LinkId id) const {
  Link* state = proton_ && !failed_ ? proton_->find(id) : nullptr;
  return state != nullptr && !state->client_sends && pn_link_credit(state->link) > 0;
}

bool Engine::can_send(LinkId id) const {
  Link* state = has_credit(id) ? proton_->find(id) : nullptr;
  return state != nullptr &&
         pn_session_outgoing_bytes(pn_link_session(state->link)) < kOutgoingBytesMax;
}

DeliveryId Engine::send(LinkId id, ByteView tag, ByteView message, bool settled) {
  PAVISE_CHECK(can_send(id) && !tag.empty() && tag.size() <= kDeliveryTagMax);
  write_outcomes();
  Link& state = *proton_->find(id);
  const DeliveryId number = proton_->next_delivery++;
  pn_delivery_t* delivery =
      pn_delivery(state.link, pn_dtag(reinterpret_cast<const char*>(tag.data()), tag.size()));
  pn_delivery_set_context(delivery, reinterpret_cast<void*>(number));
  const auto bytes = to_pn(message);
  const ssize_t sent = pn_link_send(state.link, bytes.start, bytes.size);
  PAVISE_CHECK(sent == static_cast<ssize_t>(message.size()));
  pn_link_advance(state.link);
  if (settled) {
    pn_delivery_settle(delivery);
  } else {
    state.deliveries.emplace(number, delivery);
  }
  return number;
}

// Proton writes messages before outcomes; the C client takes an answer to its token for none if its
// request was not accepted before.
void Engine::write_outcomes() {
  if (outcomes_wait_) proton_->drain(written_);
  outcomes_wait_ = false;
}

void Engine::nothing_to_send(LinkId id) {
  if (Link* state = proton_->find(id)) pn_link_drained(state->link);
}

// --- The connection ------------------------------------------------------------------------------

void Engine::open() {
  if (proton_) pn_connection_open(proton_->connection);
}

void Engine::close(const std::optional<Condition>& why) {
  if (proton_ && phase_ == Phase::amqp) {
    for (const auto& [id, state] : proton_->links) {
      if (why) Proton::set(pn_link_condition(state.link), *why);
      pn_link_close(state.link);
    }
    for (pn_session_t* session = pn_session_head(proton_->connection, PN_LOCAL_ACTIVE);
         session != nullptr; session = pn_session_next(session, PN_LOCAL_ACTIVE))
      pn_session_close(session);
  }
  close_connection(why);
}

void Engine::close_connection(const std::optional<Condition>& why) {
  if (proton_ && phase_ == Phase::amqp) {
    if (why) Proton::set(pn_connection_condition(proton_->connection), *why);
    pn_connection_open(proton_->connection);  // a close must follow an open (part 2, 2.4)
    pn_connection_close(proton_->connection);
  }
  phase_ = Phase::ended;
}

void Engine::fail(Error error, std::string_view condition) {
  if (failed_) return;
  if (!condition.empty())
    close_connection(Condition{std::string(condition), std::string(error.info().what)});
  failed_ = std::move(error);
  phase_ = Phase::ended;
}

void Engine::on_time(std::int64_t now_ms) {
  if (!proton_) return;
  const std::int64_t next = pn_transport_tick(proton_->transport, now_ms);
  deadline_ms_ = next == 0 ? INT64_MAX : next;
  step();
}

void Engine::drain(Bytes& out) {
  append(out, sasl_out_);
  Bytes().swap(sasl_out_);
  append(out, written_);
  Bytes().swap(written_);
  if (!proton_) return;
  outcomes_wait_ = false;
  proton_->drain(out);
  step();
}

}  // namespace pavise::amqp
