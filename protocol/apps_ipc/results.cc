#include <algorithm>

#include "protocol/apps_ipc/apps_ipc.h"
#include "protocol/cbor/cbor.h"

namespace pavise::apps_ipc {
namespace {

constexpr auto kLastState = static_cast<std::uint64_t>(AppState::killing);

cbor::Writer accepted(std::size_t reserve_bytes) {
  cbor::Writer out(reserve_bytes);
  out.map(2).uint(1).boolean(true).uint(2);
  return out;
}

std::string read_presentable(cbor::Reader& in, std::size_t min, std::size_t max) {
  const std::string_view text = in.text(min, max);
  in.require(is_presentable(text));
  return std::string(text);
}

AppState read_state(cbor::Reader& in) {
  return static_cast<AppState>(in.uint(kLastState));
}

AppSource read_source(cbor::Reader& in) {
  return static_cast<AppSource>(in.uint(static_cast<std::uint64_t>(AppSource::deployed)));
}

std::string read_name(cbor::Reader& in) {
  const std::string_view name = in.text(1, manifest::kNameLengthMax);
  in.require(manifest::is_app_name(name));
  return std::string(name);
}

// Reads the outer map; `read` reads the result.
template <class T, class Read>
Result<Answer<T>> parse(ByteView message, Read read) {
  if (message.size() > kMessageBytesMax) return cbor::kOutOfRange;
  cbor::Reader in(message);
  cbor::MapReader map(in, 4);
  map.required(1);
  const bool is_accepted = in.boolean();
  map.required(2);
  if (!in.ok()) return in.finish().error();
  Answer<T> out{T{}};
  if (is_accepted) {
    read(in, std::get<T>(out));
  } else {
    Refusal refusal;
    refusal.code = read_presentable(in, 1, kCodeBytesMax);
    map.required(3);
    refusal.reason = read_presentable(in, 0, kReasonBytesMax);
    map.required(4);
    refusal.next_step = read_presentable(in, 0, kNextStepBytesMax);
    out = std::move(refusal);
  }
  map.finish();
  PAVISE_TRY(in.finish());
  return out;
}

void read_app(cbor::Reader& in, AppList& out) {
  cbor::MapReader map(in, 12);
  map.required(1);
  std::string name = read_name(in);
  map.required(2);
  const auto component = manifest::ComponentId::from_bytes(
      in.bytes(manifest::ComponentId::kBytes, manifest::ComponentId::kBytes));
  if (!component) in.fail(cbor::kRuleBroken);
  if (!in.ok() || !component) return;
  AppStatus app{.name = std::move(name), .component_id = *component, .version = {}};
  map.required(3);
  app.version = read_presentable(in, 1, kVersionBytesMax);
  map.required(4);
  app.state = read_state(in);
  map.required(5);
  app.restarts = in.uint();
  map.required(6);
  app.memory_bytes = in.uint();
  map.required(7);
  app.memory_limit_bytes = in.uint();
  map.required(8);
  app.missed_health = in.uint();
  map.required(9);
  app.last_event = read_presentable(in, 0, kEventBytesMax);
  map.required(10);
  app.policy_digest = in.fixed<sizeof(Digest256)>();
  map.required(11);
  app.source = read_source(in);
  map.required(12);
  app.content_digest = in.fixed<sizeof(Digest256)>();
  map.finish();
  out.push_back(std::move(app));
}

}  // namespace

std::string_view to_string(AppState state) {
  switch (state) {
    case AppState::stopped:
      return "stopped";
    case AppState::waiting:
      return "waiting";
    case AppState::starting:
      return "starting";
    case AppState::running:
      return "running";
    case AppState::ending:
      return "ending";
    case AppState::killing:
      return "killing";
  }
  return "unknown";
}

std::string_view to_string(AppSource source) {
  return source == AppSource::image ? "image" : "deployed";
}

Bytes encode(const AppList& apps) {
  constexpr std::size_t kAppBytes = 256;
  const std::size_t count = std::min(apps.size(), kAppsMax);
  cbor::Writer out = accepted(count * kAppBytes);
  out.array(count);
  for (const AppStatus& app : std::span(apps).first(count)) {
    PAVISE_CHECK(manifest::is_app_name(app.name));
    PAVISE_CHECK(app.version.size() <= kVersionBytesMax);
    out.map(12).uint(1).text(app.name).uint(2).bytes(app.component_id.bytes());
    out.uint(3).text(app.version).uint(4).uint(static_cast<std::uint64_t>(app.state));
    out.uint(5).uint(app.restarts).uint(6).uint(app.memory_bytes);
    out.uint(7).uint(app.memory_limit_bytes).uint(8).uint(app.missed_health);
    out.uint(9).text(presentable(app.last_event, kEventBytesMax));
    out.uint(10).bytes(app.policy_digest).uint(11).uint(static_cast<std::uint64_t>(app.source));
    out.uint(12).bytes(app.content_digest);
  }
  return out.take();
}

Bytes encode(const Acted& acted) {
  cbor::Writer out = accepted(16);
  out.map(1).uint(1).uint(static_cast<std::uint64_t>(acted.state));
  return out.take();
}

Bytes encode(const Received& received) {
  cbor::Writer out = accepted(16);
  out.map(1).uint(1).uint(received.bytes);
  return out.take();
}

Bytes encode(const Installed& installed) {
  PAVISE_CHECK(manifest::is_app_name(installed.name));
  cbor::Writer out = accepted(128);
  out.map(4).uint(1).text(installed.name).uint(2).text(installed.version);
  out.uint(3).uint(static_cast<std::uint64_t>(installed.state)).uint(4).text(installed.replaced);
  return out.take();
}

Bytes encode(const Removed& removed) {
  cbor::Writer out = accepted(16);
  out.map(1).uint(1).uint(static_cast<std::uint64_t>(removed.left));
  return out.take();
}

Bytes encode(const LogPage& page) {
  std::vector<std::string> texts;
  std::size_t cost = 0;
  for (const LogLine& line : page.lines) {
    std::string text = presentable(line.text, kLineBytesMax);
    cost += text.size() + kLineCostBytes;
    if (cost > kPageBytesMax) break;
    texts.push_back(std::move(text));
  }
  cbor::Writer out = accepted(std::min(cost, kPageBytesMax) + 64);
  // While no line is kept, the oldest may be the one to come.
  const bool any = page.oldest <= page.newest;
  out.map(3).uint(1).uint(any ? page.oldest : 0).uint(2).uint(any ? page.newest : 0);
  out.uint(3).array(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i)
    out.array(3).uint(page.lines[i].sequence).uint(page.lines[i].boot_ms).text(texts[i]);
  return out.take();
}

Bytes encode(const GrantTaken& taken) {
  cbor::Writer out = accepted(64);
  out.map(2).uint(1).text(taken.name).uint(2).uint(taken.until_s);
  return out.take();
}

Bytes encode(const DebugBegun& begun) {
  cbor::Writer out = accepted(32);
  out.map(2).uint(1).uint(begun.session).uint(2).uint(begun.until_s);
  return out.take();
}

Bytes encode(const TimeHeard& heard) {
  cbor::Writer out = accepted(16);
  out.map(1).uint(1).uint(heard.later_than_s);
  return out.take();
}

Bytes encode(const Exchanged& exchanged) {
  PAVISE_CHECK(exchanged.data.size() <= kDebugOutBytesMax);
  cbor::Writer out = accepted(exchanged.data.size() + 32);
  out.map(3).uint(1).uint(exchanged.taken).uint(2).bytes(exchanged.data);
  out.uint(3).boolean(exchanged.over);
  return out.take();
}

Bytes encode_refusal(const Error& error) {
  std::string reason(error.info().what);
  if (!error.detail().empty()) reason.append(" (").append(error.detail()).append(")");
  cbor::Writer out;
  out.map(4).uint(1).boolean(false).uint(2).text(presentable(error.code(), kCodeBytesMax));
  out.uint(3).text(presentable(reason, kReasonBytesMax));
  out.uint(4).text(presentable(error.info().next_step, kNextStepBytesMax));
  return out.take();
}

Result<Answer<AppList>> parse_list(ByteView message) {
  return parse<AppList>(message, [](cbor::Reader& in, AppList& out) {
    const std::size_t count = in.array(0, kAppsMax);
    for (std::size_t i = 0; i < count && in.ok(); ++i) read_app(in, out);
  });
}

Result<Answer<Acted>> parse_acted(ByteView message) {
  return parse<Acted>(message, [](cbor::Reader& in, Acted& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.state = read_state(in);
    map.finish();
  });
}

Result<Answer<Received>> parse_received(ByteView message) {
  return parse<Received>(message, [](cbor::Reader& in, Received& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.bytes = in.uint();
    map.finish();
  });
}

Result<Answer<Installed>> parse_installed(ByteView message) {
  return parse<Installed>(message, [](cbor::Reader& in, Installed& out) {
    cbor::MapReader map(in, 4);
    map.required(1);
    out.name = read_name(in);
    map.required(2);
    out.version = read_presentable(in, 1, kVersionBytesMax);
    map.required(3);
    out.state = read_state(in);
    map.required(4);
    out.replaced = read_presentable(in, 0, kVersionBytesMax);
    map.finish();
  });
}

Result<Answer<Removed>> parse_removed(ByteView message) {
  return parse<Removed>(message, [](cbor::Reader& in, Removed& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.left = read_source(in);
    map.finish();
  });
}

Result<Answer<LogPage>> parse_logs(ByteView message) {
  return parse<LogPage>(message, [](cbor::Reader& in, LogPage& out) {
    cbor::MapReader map(in, 3);
    map.required(1);
    out.oldest = in.uint();
    map.required(2);
    out.newest = in.uint();
    map.required(3);
    const std::size_t count = in.array(0, kPageBytesMax / kLineCostBytes);
    std::size_t cost = 0;
    std::uint64_t previous = 0;
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
      in.array(3, 3);
      LogLine line;
      line.sequence = in.uint();
      line.boot_ms = in.uint();
      line.text = read_presentable(in, 0, kLineBytesMax);
      cost += line.text.size() + kLineCostBytes;
      in.require(line.sequence > previous && cost <= kPageBytesMax);
      in.require(line.sequence >= out.oldest && line.sequence <= out.newest);
      previous = line.sequence;
      out.lines.push_back(std::move(line));
    }
    in.require(out.oldest <= out.newest && (out.oldest == 0) == (out.newest == 0));
    map.finish();
  });
}

Result<Answer<GrantTaken>> parse_grant_taken(ByteView message) {
  return parse<GrantTaken>(message, [](cbor::Reader& in, GrantTaken& out) {
    cbor::MapReader map(in, 2);
    map.required(1);
    const std::string_view name = in.text(1, manifest::kNameLengthMax);
    in.require(manifest::is_app_name(name));
    out.name = name;
    map.required(2);
    out.until_s = in.uint(INT64_MAX);
    map.finish();
  });
}

Result<Answer<DebugBegun>> parse_debug_begun(ByteView message) {
  return parse<DebugBegun>(message, [](cbor::Reader& in, DebugBegun& out) {
    cbor::MapReader map(in, 2);
    map.required(1);
    out.session = in.uint();
    map.required(2);
    out.until_s = in.uint(INT64_MAX);
    map.finish();
  });
}

Result<Answer<TimeHeard>> parse_time_heard(ByteView message) {
  return parse<TimeHeard>(message, [](cbor::Reader& in, TimeHeard& out) {
    cbor::MapReader map(in, 1);
    map.required(1);
    out.later_than_s = in.uint(kTimeMaxS);
    map.finish();
  });
}

Result<Answer<Exchanged>> parse_exchanged(ByteView message) {
  return parse<Exchanged>(message, [](cbor::Reader& in, Exchanged& out) {
    cbor::MapReader map(in, 3);
    map.required(1);
    out.taken = in.uint(INT64_MAX);
    map.required(2);
    out.data = to_bytes(in.bytes(0, kDebugOutBytesMax));
    map.required(3);
    out.over = in.boolean();
    map.finish();
  });
}

}  // namespace pavise::apps_ipc
