// One box against the limits of an IoT Hub unit: the server program as people run it, devices over
// MQTT and services over HTTPS, each in a process of its own, all on this machine. A rate is that
// of all together; the server's own part is told from its processor time. It fails only if
// something does not work, never because of a time.
//   bench_box [--quick | --full] [--devices N] [--markdown] [--only PART]
//     PART, besides connections: telemetry, messages, receives, methods, twins, registry, queries
//     or jobs
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <thread>

#include "bench/box/device_fleet.h"
#include "bench/box/house.h"
#include "bench/box/service_callers.h"
#include "bench/box/table.h"

namespace pavise::bench {
namespace {

using Kind = FleetTask::Kind;

// How much of each is done.
struct Scale {
  std::uint32_t devices = 10'000;
  std::uint32_t telemetry = 300'000;
  std::uint32_t twins = 60'000;
  std::uint32_t methods = 20'000;
  std::uint32_t messages = 20'000;  // at most 50 wait for a device
  std::uint32_t registry = 5'000;
  std::uint32_t pages = 1'000;
  std::uint32_t scans = 40;
};
constexpr Scale kQuick{.devices = 200,
                       .telemetry = 10'000,
                       .twins = 2'000,
                       .methods = 1'000,
                       .messages = 1'000,
                       .registry = 500,
                       .pages = 100,
                       .scans = 10};

constexpr std::uint32_t kConnecting = 64;          // at once
constexpr std::uint32_t kDevicesInFlight = 1'000;  // telemetry and twins
constexpr unsigned kCallers = 32;
constexpr unsigned kFewCallers = 4;  // the hub takes 8 queries at once
constexpr std::uint32_t kBulk = 100;
constexpr auto kPatience = std::chrono::seconds(60);
constexpr auto kLook = std::chrono::milliseconds(5);
constexpr double kMinute = 60;

constexpr UnitLimits kConnects{100, 120, 6'000};
constexpr UnitLimits kTelemetry{100, 120, 6'000};
constexpr UnitLimits kTwinReads{100, 100, 500};
constexpr UnitLimits kTwinWrites{50, 50, 250};
// 160 KB, 480 KB and 24 MB a second, counted in steps of 4 KB.
constexpr UnitLimits kMethods{40, 120, 6'000};
constexpr UnitLimits kMessages{100 / kMinute, 100 / kMinute, 5'000 / kMinute};
constexpr UnitLimits kReceives{1'000 / kMinute, 1'000 / kMinute, 50'000 / kMinute};
constexpr UnitLimits kRegistry{100 / kMinute, 100 / kMinute, 5'000 / kMinute};
constexpr UnitLimits kQueries{20 / kMinute, 20 / kMinute, 1'000 / kMinute};
constexpr UnitLimits kDeviceJobs{10, 10, 50};

net::HttpRequest call(std::string method, const std::string& path, std::string_view body = {},
                      std::vector<net::HttpHeader> headers = {}) {
  if (!body.empty()) headers.push_back({"Content-Type", "application/json"});
  return {
      .method = std::move(method),
      .target = path + (path.find('?') == std::string::npos ? "?" : "&") + "api-version=2021-04-12",
      .headers = std::move(headers),
      .body = to_bytes(as_bytes(body))};
}

class Bench {
 public:
  Bench(const Scale& scale, std::string only) : scale_(scale), only_(std::move(only)) {}

  bool run() {
    if (!house_.start()) return false;
    fleet_ = std::make_unique<DeviceFleet>(house_.fleet(scale_.devices));  // forks
    create_devices();
    if (ok_) connections();
    static constexpr std::pair<std::string_view, void (Bench::*)()> kParts[] = {
        {"telemetry", &Bench::telemetry}, {"messages", &Bench::messages},
        {"receives", &Bench::receives},   {"methods", &Bench::methods},
        {"twins", &Bench::twins},         {"registry", &Bench::registry},
        {"queries", &Bench::queries},     {"jobs", &Bench::jobs}};
    for (const auto& [name, part] : kParts)
      if (ok_ && (only_.empty() || only_ == name)) (this->*part)();
    return ok_;
  }

  const std::vector<Row>& rows() const { return rows_; }

 private:
  // The row of what `work` does `count` times; returns how often it did, and in which time.
  struct Done {
    std::uint64_t done;
    double wall_s;
  };
  void measure(std::string what, std::uint32_t count, const UnitLimits& limits,
               const std::function<Done()>& work, std::string note = {}) {
    if (!ok_) return;
    const double before = house_.server_cpu_s();
    const Done done = work();
    const double used = house_.server_cpu_s() - before;
    if (done.done < count) {
      std::fprintf(stderr, "%s: only %lu of %u were done\n", what.c_str(), done.done, count);
      ok_ = false;
      return;
    }
    std::fprintf(stderr, "%s\n", what.c_str());  // how far it is
    rows_.push_back(
        {std::move(what), static_cast<double>(count), done.wall_s, used, limits, std::move(note)});
  }

  void fleet_row(std::string what, const FleetTask& task, const UnitLimits& limits,
                 std::string note = {}) {
    measure(
        std::move(what), task.count, limits,
        [&] {
          const FleetReport report = fleet_->run(task);
          return Done{report.done, report.wall_s};
        },
        std::move(note));
  }

  CallsReport calls_row(std::string what, std::uint32_t count, unsigned callers,
                        const UnitLimits& limits, const MakeCall& make, std::string note = {}) {
    ServiceCallers services(house_.callers(), callers);
    CallsReport report;
    measure(
        std::move(what), count, limits,
        [&] {
          report = services.run(count, make);
          return Done{report.done, report.wall_s};
        },
        std::move(note));
    return report;
  }

  // One call that is not measured; its answer's JSON.
  boost::json::value ask(const net::HttpRequest& request) {
    boost::json::value out;
    ServiceCallers services(house_.callers(), 1);
    const auto keep = [&](std::uint32_t, const net::HttpResponse& answer) {
      if (!answer.body.empty()) out = boost::json::parse(as_text(answer.body));
    };
    if (services.run(1, [&](std::uint32_t) { return request; }, keep).done != 1) ok_ = false;
    return out;
  }

  void until(const char* what, const std::function<bool()>& holds) {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (ok_ && !holds()) {
      if (std::chrono::steady_clock::now() > give_up) {
        std::fprintf(stderr, "not within a minute: %s\n", what);
        ok_ = false;
      }
      std::this_thread::sleep_for(kLook);
    }
  }

  std::string nth_device(std::uint32_t i) const { return device_id(i % scale_.devices); }

  // Creates or deletes devices, 100 in a call; how many.
  Done in_bulk(ServiceCallers& services, const char* mode, std::uint32_t count,
               const std::function<std::string(std::uint32_t)>& id_of) {
    const std::uint32_t calls = (count + kBulk - 1) / kBulk;
    const auto make = [&](std::uint32_t i) {
      std::string body = "[";
      for (std::uint32_t k = i * kBulk; k < std::min(count, (i + 1) * kBulk); ++k) {
        if (body.size() > 1) body += ',';
        body += house_.bulk_entry(id_of(k), mode);
      }
      return call("POST", "/devices", body + "]");
    };
    const CallsReport report = services.run(calls, make);
    return {report.done == calls ? count : 0, report.wall_s};
  }

  void create_devices() {
    ServiceCallers services(house_.callers(), kFewCallers);
    measure("Devices created, 100 in a call", scale_.devices, kRegistry,
            [&] { return in_bulk(services, "create", scale_.devices, device_id); });
  }

  void connections() {
    const double before_mib = house_.server_resident_mib();
    fleet_row("New connections, full handshake", {Kind::connect, scale_.devices, kConnecting},
              kConnects);
    const double each_kib = (house_.server_resident_mib() - before_mib) * 1024 / scale_.devices;
    fleet_->run({Kind::drop});
    until("the end of all connections", [&] {
      const auto said = ask(call("GET", "/statistics/service"));
      return ok_ && said.at("connectedDeviceCount").as_int64() == 0;
    });
    fleet_row("New connections, resumed session", {Kind::resume, scale_.devices, kConnecting},
              kConnects);
    const FleetReport report = fleet_->run({Kind::count});
    if (ok_ && report.resumed < scale_.devices)
      rows_.back().note = "only " + std::to_string(report.resumed) + " were resumed";
    if (fleet_->run({Kind::subscribe, scale_.devices, kConnecting}).done < scale_.devices)
      ok_ = false;
    std::printf("%u devices connected and subscribed; %.1f KiB of the server's memory each\n",
                scale_.devices, each_kib);
  }

  void telemetry() {
    fleet_row("D2C messages, QoS 1, 256 B, durable",
              {Kind::telemetry, scale_.telemetry, kDevicesInFlight}, kTelemetry);
  }

  void messages() {
    ServiceCallers services(house_.callers(), kCallers);
    const auto make = [&](std::uint32_t i) {
      return call("POST", "/devices/" + nth_device(i) + "/messages/devicebound",
                  R"({"order":"open","valve":7})");
    };
    measure(
        "C2D messages, sent and acknowledged", scale_.messages, kMessages,
        [&] {
          const auto start = std::chrono::steady_clock::now();
          services.run(scale_.messages, make);
          std::uint64_t arrived = 0;
          until("the arrival of all messages", [&] {
            arrived = fleet_->run({Kind::count}).messages;
            return arrived >= scale_.messages;
          });
          return Done{arrived, seconds_since(start)};
        },
        "to connected devices");
  }

  // By devices that are not connected: half of the calls fetch, half complete.
  void receives() {
    const auto id_of = [](std::uint32_t i) { return "fetching-" + std::to_string(i); };
    const std::uint32_t count = scale_.registry;
    ServiceCallers services(house_.callers(), kCallers);
    if (in_bulk(services, "create", count, id_of).done < count) ok_ = false;
    const auto send = [&](std::uint32_t i) {
      return call("POST", "/devices/" + id_of(i) + "/messages/devicebound", R"({"order":1})");
    };
    if (ok_ && services.run(count, send).done < count) ok_ = false;
    CallerPlace place = house_.callers();
    place.token.clear();
    ServiceCallers devices(place, kCallers);
    std::vector<std::string> locks(count);
    const auto as_device = [&](std::uint32_t i, net::HttpRequest request) {
      request.headers.push_back({"Authorization", house_.device_token(id_of(i))});
      return request;
    };
    const auto fetch = [&](std::uint32_t i) {
      return as_device(i, call("GET", "/devices/" + id_of(i) + "/messages/devicebound"));
    };
    const auto keep = [&](std::uint32_t i, const net::HttpResponse& answer) {
      const std::string* const etag = answer.header("etag");
      if (etag != nullptr && etag->size() > 2) locks[i] = etag->substr(1, etag->size() - 2);
    };
    const auto complete = [&](std::uint32_t i) {
      return as_device(
          i, call("DELETE", "/devices/" + id_of(i) + "/messages/devicebound/" + locks[i]));
    };
    measure(
        "C2D messages fetched over HTTPS", count, kReceives,
        [&] {
          const CallsReport fetched = devices.run(count, fetch, keep);
          const CallsReport completed = devices.run(count, complete);
          return Done{std::min(fetched.done, completed.done), fetched.wall_s + completed.wall_s};
        },
        "with its completion");
    if (in_bulk(services, "delete", count, id_of).done < count) ok_ = false;
  }

  void methods() {
    const auto make = [&](std::uint32_t i) {
      return call("POST", "/twins/" + nth_device(i * 37) + "/methods",
                  R"({"methodName":"open","payload":{"valve":7},"responseTimeoutInSeconds":30})");
    };
    for (const unsigned callers : {kCallers, kFewCallers, 1U}) {
      const std::uint32_t count = callers == 1 ? scale_.methods / 4 : scale_.methods;
      const CallsReport report =
          calls_row("Direct methods, " + std::to_string(callers) + " under way", count, callers,
                    kMethods, make);
      if (!ok_) return;
      char text[64];
      std::snprintf(text, sizeof text, "p50 %.2f ms, p99 %.2f ms", report.p50_ms, report.p99_ms);
      rows_.back().note = text;
    }
  }

  void twins() {
    fleet_row("Twin reads by devices", {Kind::read_twin, scale_.twins, kDevicesInFlight},
              kTwinReads, "MQTT");
    calls_row(
        "Twin reads by services", scale_.twins / 2, kCallers, kTwinReads,
        [&](std::uint32_t i) { return call("GET", "/twins/" + nth_device(i)); }, "HTTPS");
    fleet_row("Twin updates by devices, durable", {Kind::report, scale_.twins, kDevicesInFlight},
              kTwinWrites, "MQTT, reported");
    calls_row(
        "Twin updates by services, durable", scale_.twins / 2, kCallers, kTwinWrites,
        [&](std::uint32_t i) {
          return call("PATCH", "/twins/" + nth_device(i),
                      R"({"tags":{"seen":)" + std::to_string(i) + "}}");
        },
        "HTTPS, tags");
  }

  void registry() {
    const auto path = [](std::uint32_t i) { return "/devices/made-" + std::to_string(i); };
    calls_row("Registry: create", scale_.registry, kCallers, kRegistry, [&](std::uint32_t i) {
      return call("PUT", path(i), R"({"deviceId":"made-)" + std::to_string(i) + R"("})");
    });
    calls_row("Registry: get", scale_.registry, kCallers, kRegistry,
              [&](std::uint32_t i) { return call("GET", path(i)); });
    calls_row("Registry: delete", scale_.registry, kCallers, kRegistry,
              [&](std::uint32_t i) { return call("DELETE", path(i), {}, {{"If-Match", "*"}}); });
  }

  void queries() {
    calls_row("Queries: a page of 100 twins", scale_.pages, kFewCallers, kQueries,
              [](std::uint32_t) {
                return call("POST", "/devices/query", R"({"query":"SELECT * FROM devices"})");
              },
              {});
    calls_row("Queries: count by a tag over all twins", scale_.scans, kFewCallers, kQueries,
              [](std::uint32_t) {
                return call("POST", "/devices/query",
                            R"({"query":"SELECT COUNT() AS n FROM devices WHERE tags.floor = 7"})");
              },
              {});
  }

  void jobs() {
    const std::string id = "/jobs/v2/all";
    measure("Device jobs: tags of all twins", scale_.devices, kDeviceJobs, [&] {
      const auto start = std::chrono::steady_clock::now();
      ask(call("PUT", id,
               R"({"type":"scheduleUpdateTwin","queryCondition":"tags.floor >= 0",)"
               R"("updateTwin":{"tags":{"job":1}}})"));
      std::int64_t updated = 0;
      until("the end of the job", [&] {
        const auto said = ask(call("GET", id));
        if (!ok_ || said.at("status").as_string() != "completed") return false;
        updated = said.at("deviceJobStatistics").at("succeededCount").to_number<std::int64_t>();
        return true;
      });
      return Done{static_cast<std::uint64_t>(updated), seconds_since(start)};
    });
  }

  static double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  const Scale scale_;
  const std::string only_;  // empty: all parts
  House house_;
  std::unique_ptr<DeviceFleet> fleet_;
  std::vector<Row> rows_;
  bool ok_ = true;
};

int run(int argc, char** argv) {
  Scale scale = kQuick;
  std::uint32_t devices = 0;
  bool markdown = false;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--full") {
      scale = Scale();
    } else if (word == "--markdown") {
      markdown = true;
    } else if (word == "--devices" && i + 1 < argc) {
      const std::string_view text = argv[++i];
      std::from_chars(text.data(), text.data() + text.size(), devices);
    } else if (word == "--only" && i + 1 < argc) {
      only = argv[++i];
    } else if (word != "--quick") {
      std::fprintf(
          stderr, "usage: bench_box [--quick | --full] [--devices N] [--markdown] [--only PART]\n");
      return 2;
    }
  }
  if (devices > 0) scale.devices = devices;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  // Others on this machine take from all; what that was belongs to the numbers.
  double load = 0;
  if (::getloadavg(&load, 1) != 1) load = 0;
  std::printf("%u processors, load %.1f at the start\n", std::thread::hardware_concurrency(), load);
  Bench bench(scale, only);
  const bool ok = bench.run();
  print_table(bench.rows(), markdown);
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace pavise::bench

int main(int argc, char** argv) {
  return pavise::bench::run(argc, argv);
}
