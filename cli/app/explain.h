// What a manifest grants, in words.
#pragma once

#include <string>
#include <vector>

#include "protocol/manifest/manifest.h"

namespace pavise::cli::app {

struct Sentence {
  std::string member;  // JSON pointer of what it explains
  std::string words;
};

// One sentence for each thing that the app may do.
std::vector<Sentence> explain_capabilities(const manifest::Manifest& manifest);
// Budgets and lifecycle, what holds without a word in the manifest too.
std::vector<Sentence> explain_limits(const manifest::Manifest& manifest);

}  // namespace pavise::cli::app
