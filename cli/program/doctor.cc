// Looks at everything between this person and a working service, in order, and stops asking where
// nothing further can be known.
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cmath>
#include <ctime>

#include "cli/program/commands.h"
#include "cli/view/text.h"
#include "cli/view/views.h"
#include "common/net/socket.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

// Together below ten seconds, whatever happens.
constexpr net::Millis kReachTimeout{3000};
constexpr net::Millis kCallTimeout{2000};
constexpr net::Millis kPortTimeout{1000};
constexpr std::int64_t kSkewMaxS = 60;

struct Finding {
  std::string name;
  std::string state;  // ok, warning, failed
  std::string detail;
  std::string next;
};

class Doctor {
 public:
  explicit Doctor(Session& session) : session_(session) {}

  Exit run() {
    if (look_at_context() && look_at_network() && look_at_service()) look_at_ports();
    report();
    return exit_;
  }

 private:
  void good(std::string name, std::string detail) {
    findings_.push_back({std::move(name), "ok", std::move(detail), ""});
  }
  void warn(std::string name, std::string detail, std::string next) {
    findings_.push_back({std::move(name), "warning", std::move(detail), std::move(next)});
  }
  bool bad(std::string name, const Error& error, Exit exit) {
    std::string detail = std::string(error.code()) + ": " + std::string(error.info().what);
    if (!error.detail().empty()) detail += " (" + error.detail() + ")";
    findings_.push_back(
        {std::move(name), "failed", std::move(detail), std::string(error.info().next_step)});
    exit_ = exit;
    return false;
  }

  bool look_at_context() {
    const auto contexts = load_contexts(context_path());
    if (!contexts) return bad("context", contexts.error(), Exit::failed);
    const auto context = contexts->find(session_.options().context);
    if (!context) return bad("context", context.error(), Exit::failed);
    context_ = *context;
    good("context", context_.url + ", from " + context_path());
    if (context_.token.empty())
      warn("token", "the context holds none", "pavise context add ... --token-file FILE");
    auto client = ApiClient::create(context_, kCallTimeout);
    if (!client) return bad("trust anchor", client.error(), Exit::failed);
    client_ = *std::move(client);
    good("trust anchor", context_.ca.starts_with("-----") ? "in the context file" : context_.ca);
    return true;
  }

  bool look_at_network() {
    const net::Url& url = client_->url();
    const auto dialled = net::dial(url.host, url.port, net::Deadline::after(kReachTimeout));
    if (!dialled) return bad("network", dialled.error(), Exit::unreachable);
    good("network", url.host + " port " + std::to_string(url.port) + " answers");
    return true;
  }

  bool look_at_service() {
    const auto reply = client_->call("GET", "/status");
    if (!reply) return bad("TLS", reply.error(), Exit::unreachable);
    good("TLS", "the server's certificate is trusted");
    if (!reply->good()) {
      const ApiError error = read_api_error(*reply);
      const bool refused = reply->status == 401 || reply->status == 403;
      findings_.push_back({refused ? "token" : "service", "failed",
                           (error.code.empty() ? "" : error.code + ": ") + error.message,
                           error.next});
      exit_ = refused ? Exit::refused : Exit::failed;
      return false;
    }
    good("token", "accepted");
    boost::system::error_code failed;
    status_ = json::parse(reply->body, failed);
    if (failed || !status_.is_object())
      return bad("service", Error(kBadAnswer, failed.message()), Exit::failed);
    look_at_clock();
    good("service", "version " + text("version") + ", up since " + text("started"));
    look_at_storage();
    return true;
  }

  void look_at_storage() {
    const json::value* storage = status_.as_object().if_contains("storage");
    if (storage == nullptr || !storage->is_object()) return;
    const json::value* state = storage->as_object().if_contains("state");
    const std::string word =
        state != nullptr && state->is_string() ? state->as_string().c_str() : "-";
    const std::string detail = view::storage_text(*storage);
    if (word == "ok") return good("storage", detail);
    if (word == "low")
      return warn("storage", detail, "Free space on the server's disk before it is full.");
    findings_.push_back({"storage", "failed", detail,
                         "Free space on the server's disk; it goes on by itself, nothing that was "
                         "acknowledged is lost."});
    exit_ = Exit::failed;
  }

  void look_at_clock() {
    std::tm parts{};
    const std::string time = text("time");
    if (strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return;
    const std::int64_t skew = std::time(nullptr) - timegm(&parts);
    if (std::abs(skew) <= kSkewMaxS) {
      good("clock", "within " + std::to_string(std::abs(skew)) + " s of the server's");
    } else {
      warn("clock",
           std::to_string(std::abs(skew)) + " s " + (skew > 0 ? "ahead of" : "behind") +
               " the server's",
           "Set the clock of whichever machine is wrong; certificates depend on it.");
    }
  }

  void look_at_ports() {
    const json::value* ports = status_.as_object().if_contains("ports");
    if (ports == nullptr || !ports->is_object()) return;
    for (const char* name : {"device", "hub"}) {
      const json::value* port = ports->as_object().if_contains(name);
      std::uint16_t number = 0;
      if (port == nullptr || !port->is_int64() || port->as_int64() < 1 || port->as_int64() > 65'535)
        continue;
      number = static_cast<std::uint16_t>(port->as_int64());
      const auto dialled =
          net::dial(client_->url().host, number, net::Deadline::after(kPortTimeout));
      const std::string title = std::string(name) + " listener";
      if (dialled)
        good(title, "port " + std::to_string(number) + " answers");
      else
        warn(title, dialled.error().message(), "Devices need it; open the port for them.");
    }
  }

  std::string text(std::string_view name) const {
    const json::value* value = status_.as_object().if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : "-";
  }

  void report() const {
    if (session_.json()) {
      json::array checks;
      for (const Finding& finding : findings_)
        checks.push_back({{"name", finding.name},
                          {"state", finding.state},
                          {"detail", finding.detail},
                          {"next", finding.next}});
      session_.print(json::serialize(json::object{{"checks", checks}}) + "\n");
      return;
    }
    Table table({"CHECK", "STATE", "DETAIL"});
    for (const Finding& finding : findings_)
      table.add({finding.name,
                 {finding.state, finding.state == "ok" ? Mood::good : Mood::bad},
                 finding.detail});
    session_.print(table.text(session_.colour()));
    for (const Finding& finding : findings_)
      if (!finding.next.empty())
        session_.print("next, for " + finding.name + ": " + safe_text(finding.next) + "\n");
  }

  Session& session_;
  Context context_;
  std::optional<ApiClient> client_;
  json::value status_;
  std::vector<Finding> findings_;
  Exit exit_ = Exit::ok;
};

}  // namespace

Exit run_doctor(Session& session) {
  return Doctor(session).run();
}

}  // namespace pavise::cli
