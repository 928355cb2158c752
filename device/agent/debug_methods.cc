#include "device/agent/debug_methods.h"

#include <algorithm>
#include <map>

#include "device/agent/errors.h"
#include "device/agent/methods.h"
#include "protocol/json/json_view.h"

namespace pavise::agent {
namespace {

// The members of a payload, all of `wanted` and no other, each once.
class Members {
 public:
  static Result<Members> read(std::string_view payload, std::initializer_list<const char*> wanted) {
    if (payload.size() > kMethodRequestBytesMax)
      return Error(kBadMethodPayload, "longer than " + std::to_string(kMethodRequestBytesMax));
    const auto view = json::JsonView::parse(payload);
    if (!view) return Error(kBadMethodPayload, "no JSON");
    if (view->kind() != json::JsonView::Kind::object) return Error(kBadMethodPayload, "no object");
    Members out;
    json::JsonWalk walk(*view);
    while (const auto step = walk.next()) {
      if (std::ranges::find(wanted, step->name) == wanted.end())
        return Error(kBadMethodPayload, "a member that the method does not have");
      if (!out.values_.emplace(step->name, step->value).second)
        return Error(kBadMethodPayload, "a member twice");
    }
    if (out.values_.size() != wanted.size()) return Error(kBadMethodPayload, "a member is missing");
    return out;
  }

  Result<std::string> name() const {
    std::string out = values_.at("name").string().value_or("");
    if (!manifest::is_app_name(out)) return Error(kBadMethodPayload, "name: that of an app");
    return out;
  }
  Result<Bytes> bytes(const char* member, std::size_t min, std::size_t max) const {
    const auto text = values_.at(member).string();
    auto out = text ? from_base64(*text) : std::nullopt;
    if (!out || out->size() < min || out->size() > max)
      return Error(kBadMethodPayload, std::string(member) + ": base64 of " + std::to_string(min) +
                                          " to " + std::to_string(max) + " bytes");
    return *std::move(out);
  }
  Result<std::uint64_t> number(const char* member) const {
    const auto value = values_.at(member).integer();
    if (!value || *value < 0)
      return Error(kBadMethodPayload, std::string(member) + ": a number from 0 on");
    return static_cast<std::uint64_t>(*value);
  }
  Result<bool> boolean(const char* member) const {
    const json::JsonView& value = values_.at(member);
    if (value.kind() != json::JsonView::Kind::boolean)
      return Error(kBadMethodPayload, std::string(member) + ": true or false");
    return value.text() == "true";
  }

 private:
  std::map<std::string, json::JsonView, std::less<>> values_;
};

}  // namespace

Result<apps_ipc::GiveGrant> read_grant_payload(std::string_view payload) {
  PAVISE_TRY_ASSIGN(const Members members, Members::read(payload, {"grant"}));
  apps_ipc::GiveGrant out;
  PAVISE_TRY_ASSIGN(out.grant, members.bytes("grant", 1, apps_ipc::kGrantBytesMax));
  return out;
}

Result<apps_ipc::Debug> read_debug_payload(std::string_view payload) {
  PAVISE_TRY_ASSIGN(const Members members, Members::read(payload, {"name"}));
  apps_ipc::Debug out;
  PAVISE_TRY_ASSIGN(out.name, members.name());
  return out;
}

Result<apps_ipc::Exchange> read_exchange_payload(std::string_view payload) {
  PAVISE_TRY_ASSIGN(const Members members,
                    Members::read(payload, {"name", "session", "at", "data", "received", "end"}));
  apps_ipc::Exchange out;
  PAVISE_TRY_ASSIGN(out.name, members.name());
  PAVISE_TRY_ASSIGN(out.session, members.number("session"));
  PAVISE_TRY_ASSIGN(out.at, members.number("at"));
  PAVISE_TRY_ASSIGN(out.data, members.bytes("data", 0, apps_ipc::kDebugInBytesMax));
  PAVISE_TRY_ASSIGN(out.received, members.number("received"));
  PAVISE_TRY_ASSIGN(out.end, members.boolean("end"));
  return out;
}

std::string debug_body_of(const apps_ipc::GrantTaken& taken) {
  std::string out = "{\"name\":";
  json::append_json_string(out, taken.name);
  return out + ",\"until\":" + std::to_string(taken.until_s) + "}";
}

std::string debug_body_of(const apps_ipc::DebugBegun& begun, std::string_view name) {
  std::string out = "{\"name\":";
  json::append_json_string(out, name);
  return out + ",\"session\":" + std::to_string(begun.session) +
         ",\"until\":" + std::to_string(begun.until_s) + "}";
}

std::string debug_body_of(const apps_ipc::Exchanged& exchanged) {
  return "{\"taken\":" + std::to_string(exchanged.taken) + ",\"data\":\"" +
         to_base64(exchanged.data) + "\",\"over\":" + (exchanged.over ? "true" : "false") + "}";
}

}  // namespace pavise::agent
