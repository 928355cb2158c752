// The port, the hub and the storage around a Watch. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <pavise/pavise.hpp>
#include <string>
#include <string_view>

#include "samples/refrigeration_monitor/kept.h"
#include "samples/refrigeration_monitor/watch.h"

namespace refrigeration_monitor {

inline constexpr std::uint32_t kTickMs = 1000;  // alarms are judged, a lost port is opened
inline constexpr std::int64_t kReportEveryMs = 60'000;
inline constexpr std::int64_t kRetryMs = 10'000;       // of a report that was not accepted
inline constexpr std::int64_t kKeepEveryMs = 900'000;  // flash wears; a change is kept at once

class Service {
 public:
  // `port`: the name of the UART in the manifest.
  explicit Service(std::string port);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Until the device asks the app to end. "": it did; else why the app cannot run.
  std::string run();

 private:
  void on_tick();
  void open_port();
  void close_port(const char* why);
  void on_port(std::uint32_t events);
  void judge();
  void report(const char* reason);
  void on_refused(const char* why);
  void keep();
  void on_method(std::uint32_t id, std::string_view name, std::string_view payload);
  void answer(std::uint32_t id, std::uint16_t status, const std::string& body);
  Report now() const { return {watch_, kept_, pavise_now_ms()}; }

  std::string port_name_;
  pavise::EventLoop loop_;
  pavise::EventLoop::Event port_event_ = nullptr;
  pavise::Descriptor port_;
  int port_error_ = 0;  // told last
  LineBuffer lines_;
  Kept kept_;
  Watch watch_;
  Alarms told_;                // to the log and the hub
  pavise_hub* hub_ = nullptr;  // null: there is none
  std::int64_t next_report_ms_ = 0;
  std::int64_t kept_ms_ = 0;
};

}  // namespace refrigeration_monitor
