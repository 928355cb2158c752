#include "samples/modbus_guardian/grants.h"

#include <algorithm>

namespace modbus_guardian {
namespace {

constexpr std::string_view kForm =
    "grant NAME client ADDRESS unit UNIT coils|holding FIRST-LAST from TIME until TIME writes N";

bool is_name(std::string_view word) {
  return word.size() <= kGrantNameLengthMax && std::ranges::all_of(word, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::optional<Grant> parse_grant(const std::vector<std::string_view>& words) {
  constexpr std::size_t kWords = 14;
  if (words.size() != kWords || words[0] != "grant" || words[2] != "client" || words[4] != "unit" ||
      words[8] != "from" || words[10] != "until" || words[12] != "writes")
    return {};
  const auto client = parse_address(words[3]);
  const auto unit = parse_unit(words[5]);
  const auto table = parse_table(words[6]);
  if (!is_name(words[1]) || !client || !unit || !table ||
      (*table != Table::coils && *table != Table::holding))
    return {};
  const auto range = parse_range(*table, words[7]);
  const auto from = parse_time(words[9]);
  const auto until = parse_time(words[11]);
  const auto writes = parse_number(words[13], 1, kGrantWritesMax);
  if (!range || !from || !until || !writes) return {};
  return Grant{.name = std::string(words[1]),
               .client = *client,
               .unit = *unit,
               .range = *range,
               .from_s = *from,
               .until_s = *until,
               .writes_max = *writes};
}

}  // namespace

Parsed<std::vector<Grant>> Grants::parse(std::string_view text) {
  const auto statements = read_statements(text);
  if (!statements) return std::unexpected(statements.error());
  std::vector<Grant> out;
  for (const Statement& statement : *statements) {
    auto grant = parse_grant(statement.words);
    if (!grant) return wrong(statement, kForm);
    if (grant->until_s <= grant->from_s || grant->until_s - grant->from_s > kGrantSecondsMax)
      return wrong(statement, "a grant ends after it begins, and within 31 days");
    if (std::ranges::find(out, grant->name, &Grant::name) != out.end())
      return wrong(statement, "two grants have this name");
    out.push_back(*std::move(grant));
  }
  return out;
}

Parsed<void> Grants::restore(std::string_view uses) {
  const auto statements = read_statements(uses);
  if (!statements) return std::unexpected(statements.error());
  std::map<std::string, Use, std::less<>> restored;
  for (const Statement& statement : *statements) {
    const auto& words = statement.words;
    if (words.size() != 4 || words[0] != "used" || !is_name(words[1]))
      return wrong(statement, "used NAME UNTIL COUNT");
    const auto until = parse_number(words[2], 0, 0xffff'ffffU);
    const auto count = parse_number(words[3], 1, kGrantWritesMax);
    if (!until || !count) return wrong(statement, "used NAME UNTIL COUNT");
    if (!restored.emplace(words[1], Use{.until_s = *until, .count = *count}).second)
      return wrong(statement, "said twice");
  }
  uses_ = std::move(restored);
  return {};
}

const Grant* Grants::find(const Request& request, Ipv4 client, std::int64_t now_s) const {
  if (!request.writes) return nullptr;
  for (const Grant& grant : grants_) {
    if (grant.client != client || grant.unit != request.unit ||
        !grant.range.covers(*request.writes) || now_s < grant.from_s || now_s >= grant.until_s)
      continue;
    const auto use = uses_.find(grant.name);
    if (use == uses_.end() || use->second.count < grant.writes_max) return &grant;
  }
  return nullptr;
}

bool Grants::covers(const Request& request, Ipv4 client, std::int64_t now_s) const {
  return find(request, client, now_s) != nullptr;
}

std::string Grants::use(const Request& request, Ipv4 client, std::int64_t now_s) {
  const Grant* const grant = find(request, client, now_s);
  if (grant == nullptr) return {};
  // Those of grants that ended are not asked for again, unless the same name gets a later end;
  // which is whoever grants' to say.
  std::erase_if(uses_, [&](const auto& use) {
    return use.first != grant->name && use.second.until_s <= now_s;
  });
  if (!uses_.contains(grant->name) && uses_.size() == kStatementsMax) return {};
  Use& use = uses_[grant->name];
  use.until_s = std::max(use.until_s, grant->until_s);
  ++use.count;
  if (!keep_(uses_text())) return {};
  return grant->name;
}

std::string Grants::uses_text() const {
  std::string out;
  for (const auto& [name, use] : uses_)
    out +=
        "used " + name + ' ' + std::to_string(use.until_s) + ' ' + std::to_string(use.count) + '\n';
  return out;
}

}  // namespace modbus_guardian
