// A bound on the lines that strangers can cause. The log keeps a bounded number of lines that wait
// and loses the oldest: whoever may write at will could push out what the operator needs.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "cloud/server/log/log.h"

namespace pavise::server {

inline constexpr std::int64_t kLineWindowMs = 60'000;
inline constexpr std::size_t kLinesPerPeerMax = 20;  // in a window
inline constexpr std::size_t kLinesMax = 1'000;      // in a window, of all peers together
inline constexpr std::size_t kLinePeersMax = 4'096;

// Passes lines on as long as their peer, the address in the field "peer", has caused few of late.
// The first line above its bound becomes "log.held_back"; the peer's next line after the window
// says in "held_back" how many there were. Thread-safe, bounded in memory.
class LimitedLog final : public Log {
 public:
  // Lines below `from` pass always. Log and clock outlive it.
  LimitedLog(Log& log, const Clock& clock, Level from = Level::info)
      : log_(log), clock_(clock), from_(from) {}
  using Log::write;
  void write(Level level, std::string_view event, std::span<const Field> fields) override;

 private:
  struct Window {
    std::int64_t begins_ms = 0;
    std::uint64_t lines = 0;
  };
  enum class Verdict { pass, first_above, above };
  // Counts a line; `held_back` of the window that ended with it.
  static Verdict count(Window& window, std::int64_t now_ms, std::size_t lines_max,
                       std::uint64_t& held_back);
  Window& window_of(std::string&& peer, std::int64_t now_ms);

  Log& log_;
  const Clock& clock_;
  const Level from_;
  std::mutex mutex_;
  Window all_;                                       // under mutex_
  std::unordered_map<std::string, Window> by_peer_;  // under mutex_
};

// "192.0.2.1:4711" without its port.
std::string address_of(std::string_view peer);

}  // namespace pavise::server
