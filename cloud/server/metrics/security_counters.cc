#include "cloud/server/metrics/security_counters.h"

#include <algorithm>

namespace pavise::server {

void SecurityCounters::note_verdict(std::string_view code, std::uint64_t us) {
  const std::string_view name = code.empty() ? kAccepted : code;
  const std::lock_guard lock(mutex_);
  evidence_us_.add(us);
  if (const auto found = verdicts_.find(name); found != verdicts_.end()) {
    ++found->second;
  } else {
    ++verdicts_[std::string(verdicts_.size() < kCodesMax ? name : "other")];
  }
}

void SecurityCounters::note_signed(std::uint64_t certificates, std::uint64_t failures,
                                   std::uint64_t us) {
  const std::lock_guard lock(mutex_);
  certificates_ += certificates;
  signer_failures_ += failures;
  signer_us_.add(us);
}

SecurityCounters::Counts SecurityCounters::counts() const {
  const std::lock_guard lock(mutex_);
  return {verdicts_, evidence_us_.counts(), certificates_, signer_failures_, signer_us_.counts()};
}

Result<Bytes> CountingSigner::sign_leaf(const security::signer::LeafRequest& request) {
  const std::uint64_t begun_us = metrics::steady_us();
  auto leaf = signer_.sign_leaf(request);
  counters_.note_signed(leaf ? 1 : 0, leaf ? 0 : 1, metrics::steady_us() - begun_us);
  return leaf;
}

std::vector<Result<Bytes>> CountingSigner::sign_leaves(
    const std::vector<security::signer::LeafRequest>& requests) {
  const std::uint64_t begun_us = metrics::steady_us();
  auto leaves = signer_.sign_leaves(requests);
  const auto good = static_cast<std::uint64_t>(
      std::ranges::count_if(leaves, [](const auto& leaf) { return leaf.has_value(); }));
  counters_.note_signed(good, leaves.size() - good, metrics::steady_us() - begun_us);
  return leaves;
}

}  // namespace pavise::server
