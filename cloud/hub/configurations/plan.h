// All configurations of a hub together: what they make of one twin. Pure, immutable, thread-safe.
//
// Every configuration whose condition holds takes part, the highest priority first, of equals the
// newest. A path that a higher one sets, or is inside of one that it sets, is left to the higher
// one. Settings that nobody makes any more are removed, and objects that become empty by it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cloud/hub/configurations/definition.h"

namespace pavise::hub::configurations {

// One configuration that targets a twin.
struct Standing {
  std::size_t definition = 0;  // in Plan::definitions()
  bool applied = false;        // at least one of its settings is in effect
};

struct Decision {
  std::vector<Standing> standings{};
  std::optional<store::TwinSettings> change{};  // nullopt: the twin is as it should be
};

class Plan {
 public:
  // As HubReader::configurations() lists them. One that cannot be read, of another version, is left
  // out.
  explicit Plan(std::span<const store::ConfigurationRecord> records);

  const std::vector<Definition>& definitions() const { return definitions_; }
  bool empty() const { return definitions_.empty(); }
  // Whether conditions or metrics look at devices, or at modules.
  bool looks_at(bool of_modules) const { return looks_at_[of_modules ? 1 : 0]; }

  // Of those that target the twin, only the `in_effect` highest make their settings. `document` is
  // the twin as queries see it; nullptr: nothing looks at such twins. query::kBadDocument.
  Result<Decision> decide(const store::TwinRecord& twin, const query::Document* document,
                          std::size_t in_effect = SIZE_MAX) const;

 private:
  std::vector<Definition> definitions_;
  bool looks_at_[2] = {false, false};
};

}  // namespace pavise::hub::configurations
