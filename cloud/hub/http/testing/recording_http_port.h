// An HttpPort that records calls, and an inner session that records bytes.
#pragma once

#include <string>
#include <vector>

#include "cloud/hub/http/http_session.h"

namespace pavise::hub::testing {

class RecordingHttpPort final : public HttpPort {
 public:
  static constexpr std::string_view kWrong = "wrong";  // as Authorization of what has a body

  void serve(HttpRequest request, Token token) override {
    requests.push_back(std::move(request));
    tokens.push_back(token);
  }
  bool has_peer_certificate() const override { return certificate; }
  std::optional<HttpHeadVerdict> judge(const HttpHead& head) override {
    judged.emplace_back(head.path);
    if (head.has_body && head.authorization == kWrong)
      return HttpHeadVerdict{.kind = HttpBodyKind::call,
                             .refusal = HttpResponse{.status = 401, .headers = {}, .body = "{}"}};
    return head.path.starts_with("/judged/") ? verdict : std::nullopt;
  }
  bool take_body_room(std::size_t bytes, HttpBodyKind kind, const std::string& owner) override {
    if (full) return false;
    owners.push_back(owner);
    (kind == HttpBodyKind::file ? file_room_taken : room_taken) += bytes;
    return true;
  }
  void give_body_room(std::size_t bytes, HttpBodyKind kind, const std::string&) override {
    (kind == HttpBodyKind::file ? file_room_taken : room_taken) -= bytes;
  }

  std::vector<HttpRequest> requests;
  std::vector<Token> tokens;
  bool certificate = false;
  bool full = false;
  std::size_t room_taken = 0;
  std::size_t file_room_taken = 0;
  std::vector<std::string> owners;  // of the room that was taken
  std::vector<std::string> judged;
  std::optional<HttpHeadVerdict> verdict;  // for what lies below /judged/
};

// Sends back what it gets; ends when it gets "end".
class EchoSession final : public ProtocolSession {
 public:
  void on_bytes(ByteView bytes, SessionNow, Bytes& out) override {
    append(out, bytes);
    if (as_text(bytes) == "end") closed_ = Error(kHttpDone);
  }
  void on_durable(std::uint64_t, Bytes& out) override { append(out, as_bytes("durable")); }
  void on_not_stored(std::uint64_t, std::uint64_t, Bytes&) override { closed_ = Error(kHttpDone); }
  void on_event(SessionEvent&, SessionNow, Bytes& out) override { append(out, as_bytes("event")); }
  void on_time(SessionNow, Bytes&) override {}
  void on_rights_changed(const RightsChanged& change, SessionNow, Bytes& out) override {
    append(out, as_bytes("rights of " + change.device));
  }
  void close(Error reason, Bytes& out) override {
    if (closed_) return;
    append(out, as_bytes("bye"));
    closed_ = std::move(reason);
  }
  const std::optional<Error>& closed() const override { return closed_; }
  bool wants_input() const override { return true; }
  std::int64_t deadline_ms() const override { return 77; }
  bool established() const override { return true; }

 private:
  std::optional<Error> closed_;
};

}  // namespace pavise::hub::testing
