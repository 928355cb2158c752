#include "cli/app/explain.h"

namespace pavise::cli::app {
namespace {

using manifest::Capabilities;
using manifest::Destination;
using manifest::Hardware;
using manifest::Manifest;

std::string seconds(std::uint32_t ms) {
  std::string out = std::to_string(ms / 1000);
  if (ms % 1000 != 0) {
    std::string rest = std::to_string(ms % 1000 + 1000).substr(1);
    while (rest.back() == '0') rest.pop_back();
    out += "." + rest;
  }
  return out + " s";
}

std::string size_text(std::uint32_t kib) {
  if (kib % (1U << 20U) == 0) return std::to_string(kib >> 20U) + " GiB";
  if (kib % 1024 == 0) return std::to_string(kib / 1024) + " MiB";
  return std::to_string(kib) + " KiB";
}

std::string destination_words(const Destination& to) {
  std::string out;
  switch (to.kind) {
    case Destination::Kind::name:
      out = to.name;
      break;
    case Destination::Kind::wildcard:
      out = "every host below " + to.name;
      break;
    case Destination::Kind::network: {
      Destination address = to;
      address.port.reset();
      const bool one = to.network.prefix == (to.network.v6 ? 128 : 32);
      out = (one ? "the address " : "every address of ") + address.text();
      break;
    }
  }
  return out + (to.port ? ", port " + std::to_string(*to.port) : ", every port");
}

class Explainer {
 public:
  explicit Explainer(std::string base) : base_(std::move(base)) {}

  void say(std::string_view member, std::string words) {
    out_.push_back({base_ + std::string(member), std::move(words)});
  }
  void say_if(bool granted, std::string_view member, std::string words) {
    if (granted) say(member, std::move(words));
  }
  // One sentence per element, with its index in the pointer.
  template <class List, class Words>
  void say_each(std::string_view member, const List& list, const Words& words) {
    std::size_t index = 0;
    for (const auto& element : list)
      say(std::string(member) + "/" + std::to_string(index++), words(element));
  }
  std::vector<Sentence> take() { return std::move(out_); }

 private:
  std::string base_;
  std::vector<Sentence> out_;
};

std::string_view hardware_words(Hardware kind) {
  switch (kind) {
    case Hardware::gpio:
      return "read and drive the pin ";
    case Hardware::uart:
      return "use the serial port ";
    case Hardware::i2c:
      return "use the I2C bus ";
    case Hardware::spi:
      return "use the SPI bus ";
    case Hardware::pwm:
      return "drive the PWM output ";
    case Hardware::adc:
      return "read the analogue input ";
  }
  return "";
}

std::string restart_words(const manifest::Lifecycle& lifecycle) {
  const std::string delays = " after " + seconds(lifecycle.restart_delay_ms) + ", doubling up to " +
                             seconds(lifecycle.restart_delay_max_ms);
  switch (lifecycle.restart) {
    case manifest::Restart::always:
      return "started again whenever it ends," + delays;
    case manifest::Restart::on_failure:
      return "started again when it fails," + delays;
    case manifest::Restart::never:
      return "not started again when it ends";
  }
  return "";
}

}  // namespace

std::vector<Sentence> explain_capabilities(const Manifest& manifest) {
  const Capabilities& c = manifest.capabilities;
  Explainer out("/capabilities/");
  const auto connect = [](const std::string& protocol) {
    return [protocol](const Destination& to) {
      return "connect by " + protocol + " to " + destination_words(to);
    };
  };
  out.say_each("outgoing_tcp", c.outgoing_tcp, connect("TCP"));
  out.say_each("outgoing_udp", c.outgoing_udp, connect("UDP"));
  const auto listen = [](const std::string& protocol) {
    return [protocol](std::uint16_t port) {
      return "be reached on " + protocol + " port " + std::to_string(port);
    };
  };
  out.say_each("listening_tcp", c.listening_tcp, listen("TCP"));
  out.say_each("listening_udp", c.listening_udp, listen("UDP"));
  if (c.mutable_storage_kib)
    out.say("mutable_storage", "keep up to " + size_text(*c.mutable_storage_kib) +
                                   " of files across restarts and updates");
  for (std::size_t i = 0; i < manifest::kHardwareKinds; ++i) {
    const auto kind = static_cast<Hardware>(i);
    out.say_each(to_string(kind), c.hardware[i], [kind](const std::string& name) {
      return std::string(hardware_words(kind)) + name;
    });
  }
  if (c.device_authentication)
    out.say("device_authentication", "prove to servers that it runs on a device of tenant " +
                                         c.device_authentication->text() +
                                         ", without seeing the key");
  out.say_each("app_connections", c.app_connections, [](const manifest::ComponentId& peer) {
    return "talk to app " + peer.text() + ", which has to list this one too";
  });
  // Of these manifests may speak, and no device grants them.
  const std::string later = " (no device offers that yet)";
  const std::string delay = ", not in the first five minutes after its start";
  out.say_if(
      c.system_time, "system_time",
      "set the device's clock for all apps, not to before what the device knows of the time");
  out.say_if(c.network_configuration, "network_configuration",
             "change the device's network: addresses, name servers, Wi-Fi, proxy" + later);
  out.say_if(c.update_deferral, "update_deferral",
             "have an update of itself wait, ten minutes at most");
  out.say_if(c.power_reboot, "power_control", "restart the device" + delay);
  out.say_if(c.power_down, "power_control", "switch the device off" + delay);
  out.say_if(c.power_profile, "power_control", "choose between speed and saving power");
  out.say_if(c.system_events, "system_events",
             "hear that it is to end, that the device goes down, and of updates of itself");
  out.say_if(c.certificate_store, "certificate_store",
             "keep up to 16 root CAs and client certificates with their keys across restarts and "
             "updates, which no other app sees");
  return out.take();
}

std::vector<Sentence> explain_limits(const Manifest& manifest) {
  const manifest::Budgets& b = manifest.budgets;
  const manifest::Lifecycle& l = manifest.lifecycle;
  Explainer out("/");
  out.say("budgets/memory_kib", "at most " + size_text(b.memory_kib) + " of memory");
  out.say("budgets/cpu_percent",
          "at most " + std::to_string(b.cpu_percent) + " % of one processor's time");
  out.say("budgets/processes", "at most " + std::to_string(b.processes) + " processes and threads");
  out.say("lifecycle/restart", restart_words(l));
  out.say("lifecycle/stop_timeout_ms",
          "killed " + seconds(l.stop_timeout_ms) + " after it was asked to stop");
  for (std::size_t i = 0; i < l.start_after.size(); ++i)
    out.say("lifecycle/start_after/" + std::to_string(i),
            "started after app " + l.start_after[i].text());
  if (l.health_check)
    out.say("lifecycle/health_check",
            "failed if it does not report within " + seconds(l.health_check->start_timeout_ms) +
                " of its start and then every " + seconds(l.health_check->interval_ms));
  return out.take();
}

}  // namespace pavise::cli::app
