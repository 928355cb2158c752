#include "protocol/amqp/engine/performative.h"

namespace pavise::amqp {
namespace {

// One letter a field: s string, u uint, h ushort, b boolean, c ubyte, l ulong, x binary, m map,
// * anything. Upper case: must be there.
struct Shape {
  PerformativeCode code;
  std::string_view fields;
};
constexpr Shape kShapes[] = {
    {PerformativeCode::open, "Ssuhu****m"},
    {PerformativeCode::begin, "hUUUu**m"},
    {PerformativeCode::attach, "SUBcc**mbul**m"},
    {PerformativeCode::flow, "uUUUuuuubbm"},
    {PerformativeCode::transfer, "Uuxubbc*bbb"},
    {PerformativeCode::disposition, "BUub*b"},
    {PerformativeCode::detach, "Ub*"},
    {PerformativeCode::end, "*"},
    {PerformativeCode::close, "*"},
};

bool fits(const Value& value, char letter) {
  switch (letter) {
    case 's':
      return value.as<std::string>() != nullptr;
    case 'u':
      return value.as<std::uint32_t>() != nullptr;
    case 'h':
      return value.as<std::uint16_t>() != nullptr;
    case 'b':
      return value.as<bool>() != nullptr;
    case 'c':
      return value.as<std::uint8_t>() != nullptr;
    case 'l':
      return value.as<std::uint64_t>() != nullptr;
    case 'x':
      return value.as<Bytes>() != nullptr;
    case 'm':
      return value.as<Map>() != nullptr;
    default:
      return true;
  }
}

Status check_shape(const List& fields, std::string_view shape) {
  if (fields.size() > shape.size()) return kBadPerformative;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool needed = shape[i] >= 'A' && shape[i] <= 'Z';
    const char letter = needed ? static_cast<char>(shape[i] + 32) : shape[i];
    const bool absent = i >= fields.size() || fields[i].is_null();
    if (absent ? needed : !fits(fields[i], letter))
      return Error(kBadPerformative, "field " + std::to_string(i));
  }
  return {};
}

}  // namespace

const Value& Performative::field(std::size_t index) const {
  static const Value kNull;
  return index < fields.size() ? fields[index] : kNull;
}

Result<Performative> Performative::decode(ByteView body) {
  ValueReader reader(body);
  PAVISE_TRY_ASSIGN(const std::uint64_t code, reader.next_descriptor());
  for (const Shape& shape : kShapes) {
    if (static_cast<std::uint64_t>(shape.code) != code) continue;
    PAVISE_TRY_ASSIGN(Value value, reader.next());
    auto* fields = std::get_if<List>(&value.data);
    if (fields == nullptr) return kBadPerformative;
    PAVISE_TRY(check_shape(*fields, shape.fields));
    if (shape.code != PerformativeCode::transfer && !reader.at_end()) return kBadPerformative;
    return Performative{shape.code, std::move(*fields), reader.rest()};
  }
  return kBadPerformative;
}

Status ConnectionGuard::check(std::uint16_t channel, const Performative& p) {
  if (closed_ || opened_ == (p.code == PerformativeCode::open)) return kOutOfOrder;
  if (p.code == PerformativeCode::open) {
    if (const auto* frame_max = p.get<std::uint32_t>(2); frame_max != nullptr && *frame_max < 512)
      return kBadPerformative;
    opened_ = true;
    return {};
  }
  if (p.code == PerformativeCode::close) {
    closed_ = true;
    return {};
  }
  if (p.code == PerformativeCode::begin) {
    // Only clients begin sessions here, so there is nothing to answer.
    if (!p.field(0).is_null() || channels_.contains(channel)) return kOutOfOrder;
    if (channel >= kSessionsMax || channels_.size() >= sessions_max()) return kTooManySessions;
    channels_.try_emplace(channel);
    return {};
  }
  const auto session = channels_.find(channel);
  if (session == channels_.end()) return kOutOfOrder;
  Handles& handles = session->second;
  switch (p.code) {
    case PerformativeCode::attach:
      return check_attach(handles, p);
    case PerformativeCode::transfer:
      return check_transfer(handles, p);
    case PerformativeCode::flow: {
      const auto* handle = p.get<std::uint32_t>(4);
      if (handle != nullptr && !handles.contains(*handle)) return kOutOfOrder;
      return {};
    }
    case PerformativeCode::detach: {
      if (handles.erase(*p.get<std::uint32_t>(0)) == 0) return kOutOfOrder;
      --links_;
      return {};
    }
    case PerformativeCode::end:
      links_ -= handles.size();
      channels_.erase(session);
      return {};
    default:
      return {};
  }
}

Status ConnectionGuard::check_attach(Handles& handles, const Performative& attach) {
  const auto& name = *attach.get<std::string>(0);
  if (name.empty() || name.size() > kLinkNameMax || name.contains('\0')) return kBadPerformative;
  const std::uint32_t handle = *attach.get<std::uint32_t>(1);
  if (handles.contains(handle)) return kOutOfOrder;
  if (handle >= kLinksMax || links_ >= links_max()) return kTooManyLinks;
  const bool client_receives = *attach.get<bool>(2);
  // The sender says where its count starts (2.7.3).
  if (!client_receives && attach.field(9).is_null()) return kBadPerformative;
  handles.try_emplace(handle, Handle{!client_receives});
  ++links_;
  return {};
}

Status ConnectionGuard::check_transfer(Handles& handles, const Performative& transfer) {
  const auto found = handles.find(*transfer.get<std::uint32_t>(0));
  if (found == handles.end() || !found->second.client_sends) return kOutOfOrder;
  Handle& link = found->second;
  const auto* tag = transfer.get<Bytes>(2);
  if (tag != nullptr && tag->size() > kDeliveryTagMax) return kBadPerformative;
  if (!link.within_message && (transfer.field(1).is_null() || tag == nullptr))
    return kBadPerformative;
  const auto* more = transfer.get<bool>(5);
  const auto* aborted = transfer.get<bool>(9);
  link.within_message = more != nullptr && *more && !(aborted != nullptr && *aborted);
  return {};
}

}  // namespace pavise::amqp
