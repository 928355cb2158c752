#include "bench/box/service_callers.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

namespace pavise::bench {
namespace {

using Timer = std::chrono::steady_clock;

constexpr net::Millis kPatience{60'000};
constexpr net::HttpLimits kLimits{.body_bytes_max = 16UL * 1024 * 1024};

double seconds_since(Timer::time_point start) {
  return std::chrono::duration<double>(Timer::now() - start).count();
}

bool succeeded(const Result<net::HttpResponse>& answer, const net::HttpRequest& request) {
  if (answer && (answer->status == 200 || answer->status == 204)) return true;
  std::fprintf(stderr, "%s %s: ", request.method.c_str(), request.target.c_str());
  if (answer)
    std::fprintf(stderr, "%d %s\n", answer->status,
                 std::string(as_text(answer->body)).substr(0, 500).c_str());
  else
    std::fprintf(stderr, "%s\n", answer.error().message().c_str());
  return false;
}

double at_share(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(share * last)];
}

}  // namespace

ServiceCallers::ServiceCallers(const CallerPlace& place, unsigned connections) : place_(place) {
  net::TlsOptions options;
  options.trust_anchors_pem = place.ca_pem;
  for (unsigned i = 0; i < connections; ++i) {
    auto client = net::HttpsClient::connect("127.0.0.1", place.https_port, options, kLimits);
    if (client) {
      clients_.push_back(*std::move(client));
    } else {
      std::fprintf(stderr, "%s\n", client.error().message().c_str());
    }
  }
}

CallsReport ServiceCallers::run(std::uint32_t count, const MakeCall& make,
                                const OnAnswer& on_answer) {
  std::atomic<std::uint32_t> next = 0;
  std::atomic<bool> failed = false;
  std::vector<std::vector<double>> waits(clients_.size());
  const auto call_all = [&](std::size_t who) {
    for (std::uint32_t i = next++; i < count && !failed; i = next++) {
      net::HttpRequest request = make(i);
      request.host = place_.host;
      if (!place_.token.empty()) request.headers.push_back({"Authorization", place_.token});
      const auto start = Timer::now();
      const auto answer = clients_[who].send(request, kPatience);
      if (!succeeded(answer, request)) {
        failed = true;
        return;
      }
      waits[who].push_back(seconds_since(start) * 1e3);
      if (on_answer) on_answer(i, *answer);
    }
  };
  const auto start = Timer::now();
  {
    std::vector<std::jthread> threads;
    threads.reserve(clients_.size());
    for (std::size_t who = 0; who < clients_.size(); ++who) threads.emplace_back(call_all, who);
  }
  CallsReport out{.wall_s = seconds_since(start)};
  std::vector<double> all;
  for (const auto& of_one : waits) all.insert(all.end(), of_one.begin(), of_one.end());
  std::ranges::sort(all);
  out.done = all.size();
  out.p50_ms = at_share(all, 0.5);
  out.p99_ms = at_share(all, 0.99);
  return out;
}

}  // namespace pavise::bench
