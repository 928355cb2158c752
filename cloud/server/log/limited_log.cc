#include "cloud/server/log/limited_log.h"

#include <algorithm>
#include <vector>

namespace pavise::server {
namespace {

// Peers for whom there is no room count as one.
constexpr std::string_view kOtherPeers = "others";

}  // namespace

std::string address_of(std::string_view peer) {
  if (peer.starts_with('[')) return std::string(peer.substr(1, peer.find(']') - 1));
  const std::size_t colon = peer.find(':');
  const bool has_port = colon != std::string_view::npos && peer.rfind(':') == colon;
  return std::string(has_port ? peer.substr(0, colon) : peer);
}

LimitedLog::Verdict LimitedLog::count(Window& window, std::int64_t now_ms, std::size_t lines_max,
                                      std::uint64_t& held_back) {
  if (window.lines == 0 || now_ms - window.begins_ms >= kLineWindowMs) {
    held_back = window.lines > lines_max ? window.lines - lines_max : 0;
    window = {now_ms, 0};
  }
  ++window.lines;
  if (window.lines <= lines_max) return Verdict::pass;
  return window.lines == lines_max + 1 ? Verdict::first_above : Verdict::above;
}

LimitedLog::Window& LimitedLog::window_of(std::string&& peer, std::int64_t now_ms) {
  if (by_peer_.size() >= kLinePeersMax && !by_peer_.contains(peer)) {
    std::erase_if(by_peer_, [&](const auto& entry) {
      return now_ms - entry.second.begins_ms >= kLineWindowMs;
    });
    if (by_peer_.size() >= kLinePeersMax) peer = kOtherPeers;
  }
  return by_peer_[std::move(peer)];
}

void LimitedLog::write(Level level, std::string_view event, std::span<const Field> fields) {
  if (level < from_) return log_.write(level, event, fields);
  const auto named = std::ranges::find(fields, "peer", &Field::key);
  std::string peer = named == fields.end() ? std::string() : address_of(named->value);
  std::string shown = peer;
  Verdict verdict = Verdict::pass;
  std::uint64_t held_back = 0;
  {
    const std::int64_t now_ms = clock_.steady_ms();
    const std::lock_guard lock(mutex_);
    verdict = count(window_of(std::move(peer), now_ms), now_ms, kLinesPerPeerMax, held_back);
    if (verdict != Verdict::above) {
      std::uint64_t of_all = 0;
      const Verdict all = count(all_, now_ms, kLinesMax, of_all);
      if (all != Verdict::pass) {
        verdict = all;
        shown.clear();
      }
      held_back += of_all;
    }
  }
  if (verdict == Verdict::above) return;
  if (verdict == Verdict::first_above) {
    log_.write(Level::warning, "log.held_back",
               {{"peer", shown},
                {"reason", shown.empty()
                               ? "many peers cause lines; further ones are held back for a minute"
                               : "further lines of this peer are held back for a minute"}});
    return;
  }
  std::vector<Field> all(fields.begin(), fields.end());
  if (held_back != 0) all.push_back({"held_back", std::to_string(held_back)});
  log_.write(level, event, all);
}

}  // namespace pavise::server
