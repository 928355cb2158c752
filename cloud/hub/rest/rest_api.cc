#include "cloud/hub/rest/rest_api.h"

#include <algorithm>

#include "cloud/hub/rest/error_rows.h"
#include "cloud/hub/rest/routes.h"
#include "common/base/ascii.h"
#include "common/crypto/crypto.h"
#include "protocol/iothub/percent.h"

namespace pavise::hub::rest {
namespace {

constexpr std::size_t kSegmentsMax = 8;
constexpr std::size_t kQueryPairsMax = 16;
constexpr std::size_t kLoggedPathMax = 200;
constexpr std::string_view kBearer = "Bearer ";

// Splits at '/', decodes each segment; one '/' at the end is passed over. kBadArgument.
Result<std::vector<std::string>> segments_of(std::string_view path) {
  if (path.empty() || path.front() != '/') return Error(kBadArgument, "path");
  path.remove_prefix(1);
  if (path.ends_with('/')) path.remove_suffix(1);
  std::vector<std::string> out;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const auto decoded = iothub::percent_decode(path.substr(0, end));
    if (!decoded || decoded->empty() || out.size() == kSegmentsMax)
      return Error(kBadArgument, "path");
    out.push_back(*decoded);
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return out;
}

Result<std::map<std::string, std::string, std::less<>>> query_of(std::string_view text) {
  std::map<std::string, std::string, std::less<>> out;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const auto name = iothub::percent_decode(pair.substr(0, equals));
    const auto value = iothub::percent_decode(
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    if (!name || !value || out.size() == kQueryPairsMax || !out.emplace(*name, *value).second)
      return Error(kBadArgument, "query");
  }
  return out;
}

// The names of the pattern's {}, or nullopt. Fixed segments are compared without case: clients
// write serviceBound and servicebound.
std::optional<std::vector<std::string>> match(std::string_view pattern,
                                              const std::vector<std::string>& segments) {
  std::vector<std::string> names;
  std::size_t at = 0;
  pattern.remove_prefix(1);
  while (true) {
    const std::size_t end = pattern.find('/');
    const std::string_view part = pattern.substr(0, end);
    if (at == segments.size()) return std::nullopt;
    if (part == "{}") {
      names.push_back(segments[at]);
    } else if (!equal_folded(part, segments[at])) {
      return std::nullopt;
    }
    ++at;
    if (end == std::string_view::npos) break;
    pattern.remove_prefix(end + 1);
  }
  if (at != segments.size()) return std::nullopt;
  return names;
}

// "thermo" or "thermo/m1" of "/devices/thermo/modules/m1/...", for the log.
std::string device_in(const Result<std::vector<std::string>>& segments) {
  if (!segments || segments->size() < 2) return {};
  const std::string& kind = segments->front();
  if (kind != "devices" && kind != "twins" && kind != files::kContainer) return {};
  std::string out = (*segments)[1];
  if (segments->size() > 3 && (*segments)[2] == "modules") out += "/" + (*segments)[3];
  return out;
}

std::string_view host_of(std::string_view header) {
  const std::size_t colon = header.rfind(':');
  // An IPv6 literal keeps its colons inside brackets.
  if (colon != std::string_view::npos && header.find(']', colon) == std::string_view::npos)
    header = header.substr(0, colon);
  return header;
}

HttpHead head_of(const Request& request) {
  return {.method = request.method,
          .path = request.path,
          .query = request.query,
          .host = request.header("host"),
          .authorization = request.header("authorization"),
          .has_body = !request.body.empty(),
          .tls = {.chain = request.peer_chain, .server_name = request.server_name},
          .peer = request.peer};
}

struct Found {
  const Route* route = nullptr;
  std::vector<std::string> names;
};

// kBadArgument, kNoSuchRoute.
Result<Found> find_route(const HttpHead& head) {
  PAVISE_TRY_ASSIGN(const auto segments, segments_of(head.path));
  for (const Route& route : route_table()) {
    if (route.method != head.method) continue;
    if (auto names = match(route.pattern, segments)) return Found{&route, *std::move(names)};
  }
  return Error(kNoSuchRoute, std::string(head.method));
}

Result<Principal> authorise(Gatekeeper& gatekeeper, const HttpHead& head, const Found& found) {
  const std::string_view token = head.authorization;
  if (token.starts_with(kBearer)) return Error(kNotAuthorised, "bearer tokens are not accepted");
  Claim claim{.host = host_of(head.host), .sas_token = token};
  const Route& route = *found.route;
  if (route.need == Need::device) {
    claim.device = found.names[0];
    if (route.pattern.find("/modules/") != std::string_view::npos) claim.module_id = found.names[1];
    return gatekeeper.authenticate(claim, head.tls);
  }
  if (token.empty() && !route.own_device) return kNotAuthorised;
  auto identified =
      token.empty() ? Result<Principal>(kNotAuthorised) : gatekeeper.authenticate(claim, head.tls);
  if (!identified && route.own_device) {
    // IoT Edge and the C client's programs make the modules of their device with its own key.
    claim.device = found.names[0];
    auto device = gatekeeper.authenticate(claim, head.tls);
    // Not with a policy's key, which speaks for all devices, and not attested ones.
    if (device && (device->method == AuthMethod::attested || !device->policy.empty()))
      return kRightMissing;
    if (device) return device;
  }
  PAVISE_TRY_ASSIGN(Principal principal, std::move(identified));
  const Right needed = route.need == Need::registry_read    ? Right::registry_read
                       : route.need == Need::registry_write ? Right::registry_write
                                                            : Right::service_connect;
  if (!has(principal.rights, needed)) return kRightMissing;
  return principal;
}

// Whom a body on its way is counted to: modules count as their device.
std::string owner_of(const Principal& principal) {
  if (principal.identity) return principal.hub.text() + "/" + principal.identity->device();
  return principal.hub.text() + "?" + principal.policy;
}

std::string new_tracking_id() {
  Bytes random(16);
  (void)crypto::random_fill(random).has_value();  // it only has to be told from others
  std::string out = to_hex(random);
  for (char& c : out)
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 32);
  return out;
}

// Answers for calls that were refused. Owns what it needs: a refusal may come after the request is
// gone.
class Refuser {
 public:
  Refuser(const Services& services, const HttpHead& head)
      : services_(services),
        name_(std::string(head.method) + " " + std::string(head.path.substr(0, kLoggedPathMax))),
        hub_(services.gatekeeper.hub_of(host_of(head.host))),
        device_(device_in(segments_of(head.path))),
        stranger_(head.peer) {}

  void believe() { stranger_.clear(); }  // the caller has proved who it is
  Response operator()(const Error& error) const {
    return answer(error, iothub::to_hub_error(error.info(), error_rows()), error.message());
  }
  // Why is for the log: to the client, every reason looks the same.
  Response unauthorised(const Error& why) const {
    return answer(why, iothub::HubErrorCode::iot_hub_unauthorized_access, "Unauthorized");
  }

 private:
  Response answer(const Error& error, iothub::HubErrorCode code, std::string_view message) const {
    const std::string tracking_id = new_tracking_id();
    if (services_.refused)
      services_.refused({name_, tracking_id, error, hub_ ? &*hub_ : nullptr, device_, stranger_});
    iothub::HubHttpError shown = iothub::http_error(
        code, {.message = message, .tracking_id = tracking_id, .now_ms = services_.clock.now_ms()});
    return {shown.status, std::move(shown.headers), std::move(shown.body)};
  }

  const Services& services_;
  const std::string name_;
  const std::optional<iothub::HubName> hub_;
  const std::string device_;
  std::string stranger_;
};

}  // namespace

Result<iothub::Identity> Call::identity(bool of_module) const {
  auto identity = iothub::Identity::make(hub(), names[0], of_module ? names[1] : std::string{});
  if (!identity) return Error(kBadArgument, of_module ? "module id" : "device id");
  return *std::move(identity);
}

Result<store::IfMatch> Call::if_match() const {
  std::string_view text = request.header("if-match");
  if (text == "*" || text == "\"*\"") return store::IfMatch{};
  // azure-iot-hub for Python leaves the quotes out where it changes a configuration.
  if (!text.empty() && !text.contains('"')) return store::IfMatch{std::string(text)};
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return kIfMatchRequired;
  return store::IfMatch{std::string(text.substr(1, text.size() - 2))};
}

std::optional<HttpHeadVerdict> RestApi::judge(const HttpHead& head) const {
  if (services_.files != nullptr && files::BlobRequests::is_mine(head.path))
    return services_.files->blobs().judge(head);
  // What has no body costs nobody room: it is judged when it is handled.
  if (!head.has_body) return std::nullopt;
  HttpHeadVerdict verdict{.kind = HttpBodyKind::call};
  const auto found = find_route(head);
  if (!found) {
    verdict.refusal = Refuser(services_, head)(found.error());
    return verdict;
  }
  const auto principal = authorise(services_.gatekeeper, head, *found);
  if (principal) {
    verdict.owner = owner_of(*principal);
  } else {
    verdict.refusal = Refuser(services_, head).unauthorised(principal.error());
  }
  return verdict;
}

bool RestApi::carries_file(const Request& request) const {
  if (services_.files == nullptr) return false;
  if (files::BlobRequests::is_mine(request.path)) return true;
  if (request.method != "GET") return false;
  const auto segments = segments_of(request.path);
  return segments && !segments->empty() && equal_folded(segments->front(), "files");
}

HttpResponse RestApi::handle_blob(const Request& request) const {
  const auto refused = [&](std::string_view call, std::string_view tracking_id, const Error& error,
                           std::string_view stranger) {
    if (!services_.refused) return;
    const auto hub = services_.gatekeeper.hub_of(host_of(request.header("host")));
    const std::string device = device_in(segments_of(request.path));
    services_.refused({call, tracking_id, error, hub ? &*hub : nullptr, device, stranger});
  };
  return services_.files->blobs().handle(request, refused);
}

void RestApi::handle(const Request& request, const Respond& respond) {
  if (services_.files != nullptr && files::BlobRequests::is_mine(request.path))
    return respond(handle_blob(request));
  const HttpHead head = head_of(request);
  const auto refuse = std::make_shared<Refuser>(services_, head);
  auto found = find_route(head);
  if (!found) return respond((*refuse)(found.error()));
  // Again if it was judged: its rights may have ended while its body came.
  auto principal = authorise(services_.gatekeeper, head, *found);
  if (!principal) return respond(refuse->unauthorised(principal.error()));
  refuse->believe();
  Principal caller = *std::move(principal);
  const Route& route = *found->route;
  if (route.need == Need::device && caller.identity) services_.device_active(*caller.identity);
  auto query = query_of(request.query);
  if (!query) return respond((*refuse)(query.error()));
  Call call{services_,        shared_, request, std::move(caller), std::move(found->names),
            *std::move(query)};
  if (route.later != nullptr)
    return route.later(call, respond, [refuse](const Error& error) { return (*refuse)(error); });
  auto response = route.handler(call);
  respond(response ? *std::move(response) : (*refuse)(response.error()));
}

}  // namespace pavise::hub::rest
