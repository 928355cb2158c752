// Walls that write down what is done to them, around programs that only a test ends.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "device/apps/house/walls.h"
#include "device/apps/words/requests.h"

namespace pavise::device::testing {

inline constexpr ErrorInfo kPaperTore{"PV-TST-001", Retry::later, "paper tore", "Take another."};

// The machine's clock and power profile: what apps had set.
class PaperMachine final : public Timekeeper {
 public:
  UnixMillis clock_ms() const override { return 0; }
  Answer set(UnixMillis to_ms) override {
    times.push_back(to_ms);
    return {app_wire::Outcome::done, 0};
  }
  std::function<app_wire::Outcome(app_wire::PowerAction)> set_profile() {
    return [this](app_wire::PowerAction profile) {
      profiles.push_back(profile);
      return app_wire::Outcome::done;
    };
  }
  std::vector<UnixMillis> times;
  std::vector<app_wire::PowerAction> profiles;
};

// Outlives its walls and programs.
class PaperGround {
 public:
  // What was done, in order: "put up NAME VERSION", "start ...", "ask ...", "kill ...", "gone ..."
  // (the program, with whoever owned it), "take down ...".
  std::vector<std::string> done;
  // How often what would be written there fails instead; then "no ..." is written.
  std::map<std::string, int> fails;
  bool ends_when_asked = true;
  bool ends_when_killed = true;  // false: it hangs in the kernel
  bool has_debugger = true;

  PutUpWalls put_up() {
    return [this](const InstalledApp& app, uid_t user,
                  std::uint8_t number) -> Result<std::unique_ptr<Walls>> {
      const std::string who = words_of(app);
      PAVISE_TRY(note("put up " + who));
      numbers[who] = {user, number};
      return std::unique_ptr<Walls>(std::make_unique<PaperWalls>(*this, who));
    };
  }
  // Of the program that runs under this name: it prints; ends by itself; says a packet to us.
  void print(const std::string& name, const std::string& text) {
    EXPECT_EQ(::write(running.at(name)->output_in.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  void end(const std::string& name, Ending ending = {}) { running.at(name)->end(ending); }
  void say(const std::string& name, const std::string& packet) {
    EXPECT_EQ(::send(running.at(name)->words.get(), packet.data(), packet.size(), 0),
              static_cast<ssize_t>(packet.size()));
  }
  // The console that it was started with, the test's own; closed: it had none.
  UniqueFd console(const std::string& name) { return std::move(running.at(name)->console); }

  std::map<std::string, std::pair<uid_t, std::uint8_t>> numbers;  // by "NAME VERSION"

 private:
  static std::string words_of(const InstalledApp& app) {
    return app.manifest().name + ' ' + app.manifest().version.text();
  }
  Status note(const std::string& what) {
    const auto fails_now = fails.find(what);
    const bool tore = fails_now != fails.end() && fails_now->second-- > 0;
    done.push_back(tore ? "no " + what : what);
    return tore ? Status(Error(kPaperTore, what)) : Status();
  }

  class PaperProgram final : public Program {
   public:
    PaperProgram(PaperGround& ground, std::string who, const Run& run)
        : ground_(ground), who_(std::move(who)), name_(run.app.manifest().name) {
      std::array<int, 2> ends{};
      EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
      output_.reset(ends[0]);
      output_in.reset(ends[1]);
      words.reset(::fcntl(run.descriptors.at(0), F_DUPFD_CLOEXEC, 0));
      if (run.console >= 0) console.reset(::fcntl(run.console, F_DUPFD_CLOEXEC, 0));
      ground_.running[name_] = this;
    }
    ~PaperProgram() override {
      if (!ended_yet_ && !ground_.ends_when_killed) ADD_FAILURE() << "here the launcher would hang";
      ground_.running.erase(name_);
      ground_.done.push_back("gone " + who_);
    }
    int output() const override { return output_.get(); }
    int end_descriptor() const override { return ended_.get(); }
    void ask_to_end() override {
      ground_.done.push_back("ask " + who_);
      if (ground_.ends_when_asked) end({});
    }
    void kill() override {
      ground_.done.push_back("kill " + who_);
      if (ground_.ends_when_killed) end({.by_signal = true, .code = SIGKILL});
    }
    Result<Ending> wait() override { return ending_; }
    void end(Ending ending) {
      ending_ = ending;
      ended_yet_ = true;
      output_in.reset();
      ::eventfd_write(ended_.get(), 1);
    }

    UniqueFd output_in, words, console;

   private:
    PaperGround& ground_;
    std::string who_, name_;
    UniqueFd output_;
    UniqueFd ended_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    Ending ending_;
    bool ended_yet_ = false;
  };

  class PaperWalls final : public Walls {
   public:
    PaperWalls(PaperGround& ground, std::string who) : ground_(ground), who_(std::move(who)) {}
    ~PaperWalls() override { ground_.done.push_back("take down " + who_); }
    bool has_debugger() const override { return ground_.has_debugger; }
    Result<std::unique_ptr<Program>> start(const Run& run) override {
      PAVISE_TRY(ground_.note("start " + who_));
      return std::unique_ptr<Program>(std::make_unique<PaperProgram>(ground_, who_, run));
    }
    BudgetEvents events() const override { return {}; }
    std::uint64_t memory_bytes() const override { return 4096; }
    bool storage_is_full() const override { return false; }
    std::vector<RefusedPeer> take_refused() override { return {}; }
    Status pin(const AddressBytes&, int, std::uint16_t, std::chrono::seconds) override {
      return ground_.note("pin " + who_);
    }

   private:
    PaperGround& ground_;
    std::string who_;
  };

  std::map<std::string, PaperProgram*> running;  // by name
};

}  // namespace pavise::device::testing
