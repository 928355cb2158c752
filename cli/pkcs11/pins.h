// Where a token's PIN comes from, and where it stays until it was used.
#pragma once

#include <functional>
#include <mutex>
#include <set>
#include <string>

#include "cli/pkcs11/key_uri.h"

namespace pavise::cli::pkcs11 {

inline constexpr const char* kPinVariable = "PAVISE_PIN";
inline constexpr std::size_t kPinBytesMax = 255;

// Thread-safe. A PIN is wiped with the SecretBytes that hold it.
class Pins {
 public:
  explicit Pins(std::string terminal = "/dev/tty") : terminal_(std::move(terminal)) {}

  // Takes PAVISE_PIN out of the environment, overwriting it there: programs that this one starts
  // (the build of an app, which its author wrote) do not get it. Call it before other threads run.
  void take_from_environment();

  // The PIN for the token: of the file that the URI names; else of the environment; else what a
  // person types at the terminal without echo (blocks until then). One that the token refused
  // before is not offered again, except by a person. kNoPin, kPinOpenToOthers, kWrongPin.
  Result<SecretBytes> pin_for(const KeyUri& uri, const std::string& token);
  // The token refused what pin_for() gave.
  void refused(const std::string& token);

 private:
  std::mutex mutex_;
  std::string terminal_;
  SecretBytes from_environment_;
  std::set<std::string> refused_;
};

// Those of this process. The first call takes the environment's.
Pins& process_pins();

// Writes the prompt to the terminal and reads one line without echo; Enter ends it, Backspace
// removes a byte, Ctrl-C and Ctrl-D give up. The terminal is as before when this returns. Blocks.
// kNoPin: no terminal, given up, nothing or more than kPinBytesMax typed.
Result<SecretBytes> ask_for_pin(const std::string& terminal, const std::string& prompt);

}  // namespace pavise::cli::pkcs11
