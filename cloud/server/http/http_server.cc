#include "cloud/server/http/http_server.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "cloud/server/http/error_body.h"
#include "common/base/ascii.h"

namespace pavise::server::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view kExporterLabel = "EXPORTER-pavise-attestation-v1";
// What a connection may hold unparsed: one read ahead, so pipelined requests wait in the kernel.
constexpr std::size_t kReadAheadBytesMax = 16UL * 1024;
constexpr std::size_t kFirstReadBytes = 4096;
constexpr milliseconds kAcceptPause{100};  // after EMFILE and its like
constexpr milliseconds kShutdownTimeout{2'000};
constexpr milliseconds kShutdownTimeoutStopping{200};

using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using WireResponse = wire::response<wire::string_body>;
using Parser = wire::request_parser<wire::string_body>;

// One key per peer for the limit: a v6 peer owns a whole /64.
std::string limit_key(const asio::ip::address& address) {
  if (!address.is_v6() || address.to_v6().is_v4_mapped()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string();
}

bool is_decimal(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// As they stood on the wire, with one space after the colon.
std::size_t field_bytes(const wire::request<wire::string_body>& request) {
  std::size_t total = 2;
  for (const auto& field : request) total += field.name_string().size() + field.value().size() + 4;
  return total;
}

// Why a parsed header may not be served, apart from what the parser refuses itself.
const ErrorInfo* framing_problem(const wire::request<wire::string_body>& request) {
  if (request.version() != 11) return &kVersionNotSupported;
  if (request.count(wire::field::transfer_encoding) != 0) return &kLengthRequired;
  // Two lengths or two hosts are how requests are smuggled past a proxy; equal ones are no better.
  // The parser would take a list of equal lengths, too.
  if (request.count(wire::field::content_length) > 1 ||
      !is_decimal(request[wire::field::content_length]))
    return &kMalformedRequest;
  if (request.count(wire::field::host) != 1) return &kMalformedRequest;
  if (request.count(wire::field::expect) != 0) return &kExpectationFailed;
  const auto target = request.target();
  if (target.size() > kTargetBytesMax || field_bytes(request) > kHeaderBytesMax)
    return &kHeaderTooLarge;
  if (target.empty() || target.front() != '/') return &kMalformedRequest;
  for (const char c : target)
    if (c <= 0x20 || c >= 0x7f || c == '#') return &kMalformedRequest;
  return nullptr;
}

const ErrorInfo& problem_of(const error_code& ec) {
  if (ec == wire::error::header_limit || ec == wire::error::buffer_overflow) return kHeaderTooLarge;
  if (ec == wire::error::body_limit) return kBodyTooLarge;
  if (ec == wire::error::bad_version) return kVersionNotSupported;
  return kMalformedRequest;
}

int status_of(const ErrorInfo& info) {
  if (info == kHeaderTooLarge) return 431;
  if (info == kBodyTooLarge) return 413;
  if (info == kLengthRequired) return 411;
  if (info == kVersionNotSupported) return 505;
  if (info == kExpectationFailed) return 417;
  if (info == kTooBusy || info == kStopping) return 503;
  if (info == kHandlerFailed) return 500;
  return 400;
}

Response refusal(const ErrorInfo& info, std::string detail = {}) {
  return error_response(status_of(info), Error(info, std::move(detail)), new_tracking_id());
}

Request to_request(wire::request<wire::string_body> wired, const std::string& peer,
                   const std::array<std::byte, 32>& exporter) {
  Request request;
  request.method = wired.method_string();
  const std::string target(wired.target());
  const auto mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark != std::string::npos) request.query = target.substr(mark + 1);
  for (const auto& field : wired) {
    request.headers.push_back({ascii_lowered(field.name_string()), std::string(field.value())});
  }
  request.body = std::move(wired.body());
  request.peer = peer;
  request.tls_exporter = exporter;
  return request;
}

WireResponse to_wire(Response response, bool keep_alive) {
  WireResponse out;
  out.version(11);
  out.result(static_cast<unsigned>(response.status));
  for (const Header& header : response.headers) out.set(header.name, header.value);
  if (!response.content_type.empty() && response.status != 204)
    out.set(wire::field::content_type, response.content_type);
  out.set("cache-control", "no-store");
  out.set("x-content-type-options", "nosniff");
  out.body() = std::move(response.body);
  out.keep_alive(keep_alive);
  out.prepare_payload();
  return out;
}

std::string openssl_reason() {
  std::array<char, 160> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

Status configure_tls(asio::ssl::context& context, const Options& options) {
  SSL_CTX* const tls = context.native_handle();
  if (SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(tls, TLS1_3_VERSION) != 1)
    return Error(kBadIdentity, openssl_reason());
  // No tickets: a resumed session would be one more state to reason about, and connections live
  // long.
  SSL_CTX_set_num_tickets(tls, 0);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  // An idle connection keeps no record buffers: 34 KiB less for each of a thousand.
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  error_code ec;
  ec = context.use_certificate_chain(
      asio::buffer(options.certificate_chain_pem.data(), options.certificate_chain_pem.size()), ec);
  if (ec) return Error(kBadIdentity, "certificate: " + ec.message());
  const ByteView key = options.private_key_pem.view();
  ec = context.use_private_key(asio::buffer(key.data(), key.size()), asio::ssl::context::pem, ec);
  if (ec) return Error(kBadIdentity, "key: " + ec.message());
  if (SSL_CTX_check_private_key(tls) != 1) return Error(kBadIdentity, openssl_reason());
  return {};
}

class SteadyAlarm final : public Alarm {
 public:
  explicit SteadyAlarm(const asio::any_io_executor& executor) : timer_(executor) {}
  void set(milliseconds wait, std::function<void()> due) override {
    timer_.expires_after(wait);
    timer_.async_wait([due = std::move(due)](const error_code& ec) {
      if (!ec) due();
    });
  }
  void clear() override { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(Options options, Handler handler)
      : options_(std::move(options)),
        handler_(std::move(handler)),
        workers_(std::max(1U, options_.worker_threads)) {}

  Status listen();
  void stop();
  std::uint16_t port() const { return port_; }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }
  bool wait_for_connections(std::size_t at_most, milliseconds patience) const {
    std::unique_lock lock(mutex_);
    return fewer_.wait_for(lock, patience, [&] { return open_.size() <= at_most; });
  }

 private:
  class Connection;
  friend class Connection;

  asio::awaitable<void> accept_loop();
  void admit(tcp::socket socket);
  void forget(std::list<std::weak_ptr<Connection>>::iterator entry, const std::string& key);
  std::vector<std::shared_ptr<Connection>> living() const;
  Response answer(const Request& request) const;

  Options options_;
  Handler handler_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> in_progress_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable fewer_;
  std::list<std::weak_ptr<Connection>> open_;           // under mutex_
  std::unordered_map<std::string, std::size_t> peers_;  // under mutex_

  asio::io_context io_;
  tcp::acceptor acceptor_{io_};
  asio::thread_pool workers_;
  std::vector<std::thread> threads_;
};

// All members are touched on the connection's strand only.
class HttpServer::Impl::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Impl& server, tcp::socket socket, std::string peer, std::string key)
      : server_(server),
        stream_(std::move(socket), server.tls_),
        timer_(stream_.get_executor()),
        alarm_(server.options_.make_alarm ? server.options_.make_alarm()
                                          : std::make_unique<SteadyAlarm>(stream_.get_executor())),
        peer_(std::move(peer)),
        key_(std::move(key)) {}
  ~Connection() { server_.forget(entry_, key_); }

  void enter(std::list<std::weak_ptr<Connection>>::iterator entry) { entry_ = entry; }
  auto executor() { return stream_.get_executor(); }

  // Ends an idle connection at once, a busy one after its answer.
  void wind_down() {
    timer_.cancel();
    if (!busy_) stream_.next_layer().cancel();
  }
  void cut() {
    timer_.cancel();
    stream_.next_layer().close();
  }

  static asio::awaitable<void> run(std::shared_ptr<Connection> self) {
    self->expires_after(self->limits().handshake_timeout);
    auto [ec] = co_await self->stream_.async_handshake(asio::ssl::stream_base::server, kToken);
    if (ec || !self->export_keying_material()) co_return;
    while (co_await serve_one(self)) {
    }
    co_await close(self);
  }

 private:
  // Whoever may not call at all shall not fill the memory with what will not be looked at.
  std::optional<Response> refusal_of_head(const Parser& parser) const {
    const HeadJudge& judge = server_.options_.judge_head;
    if (!judge || parser.content_length().value_or(0) <= kUnjudgedBodyBytesMax) return std::nullopt;
    return judge(to_request(parser.get(), peer_, exporter_));
  }

  const Limits& limits() const { return server_.options_.limits; }

  // What is going on is cut off after `wait`, unless another deadline takes this one's place.
  void expires_after(milliseconds wait) {
    const std::uint64_t number = ++alarm_number_;
    alarm_->set(wait, [weak = weak_from_this(), number] {
      const auto self = weak.lock();
      if (!self) return;
      asio::post(self->executor(), [self, number] {
        if (self->alarm_number_ == number) self->cut();
      });
    });
  }
  void expires_never() {
    ++alarm_number_;
    alarm_->clear();
  }

  bool export_keying_material() {
    return SSL_export_keying_material(
               stream_.native_handle(), reinterpret_cast<unsigned char*>(exporter_.data()),
               exporter_.size(), kExporterLabel.data(), kExporterLabel.size(), nullptr, 0, 0) == 1;
  }

  // Says goodbye, then reads what the peer is still sending: closing over unread bytes would reset
  // the connection and could destroy the answer on its way.
  static asio::awaitable<void> close(std::shared_ptr<Connection> self) {
    auto& transport = self->stream_.next_layer();
    self->expires_after(self->server_.stopping_ ? kShutdownTimeoutStopping : kShutdownTimeout);
    auto [ec] = co_await self->stream_.async_shutdown(kToken);
    // Only for bytes that the peer still sent; at the end of its stream a further read never wakes.
    if (ec.category() != asio::error::get_ssl_category()) co_return;
    std::array<char, 4096> sink{};
    for (std::size_t drained = 0; drained < kManagementBodyBytesMax;) {
      auto [read_ec, size] = co_await transport.async_read_some(asio::buffer(sink), kToken);
      if (read_ec) co_return;
      drained += size;
    }
  }

  // False when the connection is to be closed.
  static asio::awaitable<bool> serve_one(std::shared_ptr<Connection> self) {
    self->busy_ = false;
    if (self->server_.stopping_) co_return false;
    if (self->buffer_.size() == 0 && !co_await wait_for_bytes(self)) co_return false;
    self->busy_ = true;

    Parser parser;
    parser.header_limit(kHeaderBytesMax + kTargetBytesMax);  // coarse; framing_problem() is exact
    parser.body_limit(self->limits().body_bytes_max);
    self->expires_after(self->limits().header_timeout);
    auto [header_ec, header_size] =
        co_await wire::async_read_header(self->stream_, self->buffer_, parser, kToken);
    if (header_ec) co_return co_await refuse(self, header_ec);
    if (const ErrorInfo* problem = framing_problem(parser.get()))
      co_return co_await send(self, refusal(*problem), false);

    if (auto refused = self->refusal_of_head(parser))
      co_return co_await send(self, *std::move(refused), false);

    self->expires_after(self->limits().body_timeout);
    auto [body_ec, body_size] =
        co_await wire::async_read(self->stream_, self->buffer_, parser, kToken);
    if (body_ec) co_return co_await refuse(self, body_ec);
    self->expires_never();

    const bool keep_alive = parser.get().keep_alive();
    Request request = to_request(parser.release(), self->peer_, self->exporter_);
    Response response = co_await handle(self, std::move(request));
    co_return co_await send(self, std::move(response), keep_alive);
  }

  static asio::awaitable<bool> wait_for_bytes(std::shared_ptr<Connection> self) {
    self->expires_after(self->limits().idle_timeout);
    auto [ec, size] =
        co_await self->stream_.async_read_some(self->buffer_.prepare(kFirstReadBytes), kToken);
    if (ec) co_return false;
    self->buffer_.commit(size);
    co_return true;
  }

  // After an unreadable request the position in the stream is unknown: answer, then close. A peer
  // that went away or missed its deadline (beast has closed its socket) gets no answer.
  static asio::awaitable<bool> refuse(std::shared_ptr<Connection> self, error_code ec) {
    const auto parser_errors = wire::make_error_code(wire::error::bad_method);
    if (ec == wire::error::end_of_stream || ec == wire::error::partial_message ||
        ec.category() != parser_errors.category())
      co_return false;
    co_return co_await send(self, refusal(problem_of(ec)), false);
  }

  static asio::awaitable<bool> send(std::shared_ptr<Connection> self, Response response,
                                    bool keep_alive) {
    keep_alive = keep_alive && !self->server_.stopping_;
    WireResponse wired = to_wire(std::move(response), keep_alive);
    self->expires_after(self->limits().write_timeout);
    auto [ec, size] = co_await wire::async_write(self->stream_, wired, kToken);
    co_return !ec && keep_alive;
  }

  // Runs the handler on the pool until it has an answer.
  static asio::awaitable<Response> handle(std::shared_ptr<Connection> self, Request asked) {
    const auto request = std::make_shared<Request>(std::move(asked));
    const auto begun = steady_clock::now();
    for (;;) {
      if (self->server_.stopping_) co_return refusal(kStopping);
      Response response = co_await on_worker(self, request);
      if (!response.ask_again) co_return response;
      self->timer_.expires_after(response.ask_again->in);
      co_await self->timer_.async_wait(kToken);
      request->waited = std::chrono::duration_cast<milliseconds>(steady_clock::now() - begun);
      request->poll_state = response.ask_again->state;
    }
  }

  static asio::awaitable<Response> on_worker(std::shared_ptr<Connection> self,
                                             std::shared_ptr<const Request> request) {
    Impl& server = self->server_;
    if (server.in_progress_.fetch_add(1) >= server.options_.limits.requests_in_progress_max) {
      server.in_progress_.fetch_sub(1);
      co_return refusal(kTooBusy);
    }
    Response response;
    auto initiate = [&server, &request, &response](auto handler) {
      auto work = [&server, &request, &response, done = std::move(handler)]() mutable {
        response = server.answer(*request);
        server.in_progress_.fetch_sub(1);
        const auto executor = asio::get_associated_executor(done);
        asio::post(executor, std::move(done));
      };
      asio::post(server.workers_, std::move(work));
    };
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(initiate,
                                                                         asio::use_awaitable);
    co_return response;
  }

  Impl& server_;
  std::list<std::weak_ptr<Connection>>::iterator entry_;
  TlsStream stream_;
  asio::steady_timer timer_;
  std::unique_ptr<Alarm> alarm_;
  std::uint64_t alarm_number_ = 0;  // a late call of an earlier alarm means nothing
  beast::flat_buffer buffer_{kReadAheadBytesMax};
  std::string peer_;
  std::string key_;
  std::array<std::byte, 32> exporter_{};
  bool busy_ = true;  // the handshake counts as work: it has its own deadline
};

Response HttpServer::Impl::answer(const Request& request) const {
  // Handlers return errors; what is thrown is a library's (out of memory), and must not end the
  // process for one request.
  try {
    return handler_(request);
  } catch (const std::exception& failure) {
    return refusal(kHandlerFailed);
  }
}

Status HttpServer::Impl::listen() {
  PAVISE_TRY(configure_tls(tls_, options_));
  error_code ec;
  const auto address = asio::ip::make_address(options_.address, ec);
  if (ec) return Error(kCannotListen, options_.address + ": " + ec.message());
  const tcp::endpoint endpoint(address, options_.port);
  const std::string place = options_.address + " port " + std::to_string(options_.port) + ": ";
  ec = acceptor_.open(endpoint.protocol(), ec);
  if (!ec) ec = acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) ec = acceptor_.bind(endpoint, ec);
  if (!ec) ec = acceptor_.listen(1024, ec);
  if (ec) return Error(kCannotListen, place + ec.message());
  port_ = acceptor_.local_endpoint(ec).port();
  if (ec) return Error(kCannotListen, place + ec.message());

  asio::co_spawn(io_, accept_loop(), asio::detached);
  for (unsigned i = 0; i < std::max(1U, options_.io_threads); ++i)
    threads_.emplace_back([this] { io_.run(); });
  return {};
}

asio::awaitable<void> HttpServer::Impl::accept_loop() {
  asio::steady_timer pause(io_);
  while (!stopping_) {
    tcp::socket socket(asio::make_strand(io_));
    auto [ec] = co_await acceptor_.async_accept(socket, kToken);
    if (stopping_ || ec == asio::error::operation_aborted) break;
    if (!ec) {
      admit(std::move(socket));
      continue;
    }
    pause.expires_after(kAcceptPause);
    co_await pause.async_wait(kToken);
  }
}

void HttpServer::Impl::admit(tcp::socket socket) {
  error_code ec;
  const auto remote = socket.remote_endpoint(ec);
  if (ec) return;
  ec = socket.set_option(tcp::no_delay(true), ec);
  std::string key = limit_key(remote.address());
  const std::lock_guard lock(mutex_);
  if (open_.size() >= options_.limits.connections_max) return;
  std::size_t& of_peer = peers_[key];
  if (of_peer >= options_.limits.connections_per_peer_max) return;
  auto connection = std::make_shared<Connection>(*this, std::move(socket),
                                                 remote.address().to_string(), std::move(key));
  ++of_peer;
  open_.push_back(connection);
  connection->enter(std::prev(open_.end()));
  const auto executor = connection->executor();
  asio::co_spawn(executor, Connection::run(std::move(connection)), asio::detached);
}

void HttpServer::Impl::forget(std::list<std::weak_ptr<Connection>>::iterator entry,
                              const std::string& key) {
  const std::lock_guard lock(mutex_);
  open_.erase(entry);
  const auto of_peer = peers_.find(key);
  if (--of_peer->second == 0) peers_.erase(of_peer);
  fewer_.notify_all();
}

std::vector<std::shared_ptr<HttpServer::Impl::Connection>> HttpServer::Impl::living() const {
  std::vector<std::shared_ptr<Connection>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& each : open_)
    if (auto connection = each.lock()) out.push_back(std::move(connection));
  return out;
}

void HttpServer::Impl::stop() {
  if (stopping_.exchange(true)) return;
  asio::post(io_, [this] {
    error_code ignored;
    ignored = acceptor_.close(ignored);
  });
  for (auto& connection : living())
    asio::post(connection->executor(), [connection] { connection->wind_down(); });
  wait_for_connections(0, options_.limits.stop_grace);
  for (auto& connection : living())
    asio::post(connection->executor(), [connection] { connection->cut(); });
  workers_.join();
  io_.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(Options options, Handler handler) {
  auto impl = std::make_unique<Impl>(std::move(options), std::move(handler));
  PAVISE_TRY(impl->listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() {
  impl_->stop();
}
std::uint16_t HttpServer::port() const {
  return impl_->port();
}
std::size_t HttpServer::connections() const {
  return impl_->connections();
}
bool HttpServer::wait_for_connections(std::size_t at_most, milliseconds patience) const {
  return impl_->wait_for_connections(at_most, patience);
}
void HttpServer::stop() {
  impl_->stop();
}

}  // namespace pavise::server::http
