// app show: what is in a package
#include <boost/json.hpp>

#include "cli/app/explain.h"
#include "cli/app/owner_key.h"
#include "cli/app/package_file.h"
#include "cli/program/app_verb.h"
#include "cli/view/text.h"
#include "protocol/erofs/erofs.h"
#include "protocol/image/package.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

struct ShowArguments {
  std::string file, owner_key;
};

struct FileRow {
  std::string path, kind, target;
  unsigned permissions;
  std::uint64_t size_bytes;
};

Result<std::vector<FileRow>> files_of(ByteView content) {
  std::vector<FileRow> out;
  PAVISE_TRY(erofs::walk(content, [&out](const erofs::Entry& entry) -> Status {
    const bool is_link = entry.kind == erofs::Kind::symlink;
    out.push_back(
        {std::string(entry.path), std::string(to_string(entry.kind)),
         is_link ? std::string(as_text(entry.head)) + std::string(as_text(entry.tail)) : "",
         entry.permissions, entry.size_bytes});
    return {};
  }));
  return out;
}

std::string octal(unsigned permissions) {
  std::string out(4, '0');
  for (std::size_t i = 4; i-- > 0; permissions >>= 3U)
    out[i] = static_cast<char>('0' + (permissions & 7U));
  return out;
}

std::string needs_text(const image::Header& header) {
  std::string out;
  for (const image::AbiNeed& need : header.needs)
    out += (out.empty() ? "" : ", ") + need.name + " " + std::to_string(need.version);
  return out.empty() ? "-" : out;
}

json::object package_json(const image::Package& package, const std::vector<FileRow>& files,
                          bool signature_checked) {
  const image::Header& h = package.header();
  json::array needs;
  for (const image::AbiNeed& need : h.needs)
    needs.push_back({{"name", need.name}, {"version", need.version}});
  json::array rows;
  for (const FileRow& file : files) {
    json::object row{{"path", file.path}, {"kind", file.kind}, {"mode", octal(file.permissions)}};
    if (file.kind == "file") row["bytes"] = file.size_bytes;
    if (!file.target.empty()) row["target"] = file.target;
    rows.push_back(std::move(row));
  }
  json::array grants;
  for (const app::Sentence& sentence : app::explain_capabilities(package.manifest()))
    grants.push_back({{"pointer", sentence.member}, {"words", sentence.words}});
  return {{"name", package.manifest().name},
          {"component_id", h.component_id.text()},
          {"version", h.version.text()},
          {"security_epoch", h.security_epoch},
          {"tenant", h.tenant.text()},
          {"owner_key", to_hex(h.owner_key_id)},
          {"signature_checked", signature_checked},
          {"needs", std::move(needs)},
          {"entry_point", package.manifest().entry_point},
          {"manifest_digest", to_hex(h.manifest_digest)},
          {"sbom_digest", to_hex(h.sbom_digest)},
          {"signed_digest", to_hex(crypto::sha256(h.signed_bytes()))},
          {"verity",
           {{"root_hash", to_hex(h.root_hash)},
            {"salt", to_hex(h.salt)},
            {"tree_offset", h.tree_offset()},
            {"content_offset", h.content_offset()},
            {"content_blocks", h.content_blocks}}},
          {"grants", std::move(grants)},
          {"files", std::move(rows)}};
}

std::string package_text(const image::Package& package, const std::vector<FileRow>& files,
                         bool signature_checked, bool colour) {
  const image::Header& h = package.header();
  Facts facts;
  facts.add("app", package.manifest().name + " " + h.version.text());
  facts.add("component", h.component_id.text());
  facts.add("security epoch", std::to_string(h.security_epoch));
  facts.add("tenant", h.tenant.text());
  facts.add("owner's key", to_hex(h.owner_key_id));
  facts.add("signature", signature_checked ? Cell("good, by that key", Mood::good)
                                           : Cell("not checked; see --owner-key", Mood::faint));
  facts.add("content", Cell("as it was signed, and within the rules", Mood::good));
  facts.add("needs", needs_text(h));
  facts.add("bill of materials", "SHA-256 " + to_hex(h.sbom_digest));
  std::string out = facts.text(colour) + "\nIt may:\n";
  for (const app::Sentence& sentence : app::explain_capabilities(package.manifest()))
    out += "  " + safe_text(sentence.words) + "\n";
  out += "Everything else is denied.\n\n";
  Table table({"MODE", "BYTES", "PATH"});
  for (const FileRow& file : files)
    table.add({octal(file.permissions),
               file.kind == "file" ? std::to_string(file.size_bytes) : file.kind,
               file.target.empty() ? file.path : file.path + " -> " + file.target});
  return out + table.text(colour);
}

Exit show(Session& session, const ShowArguments& a) {
  std::vector<crypto::P256PublicKey> keys;
  if (!a.owner_key.empty()) {
    auto key = app::read_public_key(a.owner_key);
    if (!key) return session.fail(key.error());
    keys.push_back(*std::move(key));
  }
  const auto file = app::read_package(a.file, keys);
  if (!file) return session.fail(file.error());
  const image::Package& package = file->package;
  const auto files = files_of(file->content());
  if (!files) return session.fail(files.error());
  session.print(session.json()
                    ? json::serialize(package_json(package, *files, !keys.empty())) + "\n"
                    : package_text(package, *files, !keys.empty(), session.colour()));
  return Exit::ok;
}

}  // namespace

void add_app_show_verb(CLI::App& app, Action& run) {
  auto a = std::make_shared<ShowArguments>();
  CLI::App* verb = add_verb(app, "show", "what is in a package, after checking it as a device does",
                            "  pavise app show blink.pvimage --owner-key owner.pem.pub\n"
                            "  pavise app show blink.pvimage -o json");
  verb->add_option("FILE", a->file, "a package (.pvimage)")->required();
  verb->add_option("--owner-key", a->owner_key, "public key that has to have signed it (PEM)");
  on_verb(verb, run, a, &show);
}

}  // namespace pavise::cli
