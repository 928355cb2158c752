// app convert: from an Azure Sphere manifest
#include <boost/json.hpp>

#include "cli/app/convert.h"
#include "cli/app/files.h"
#include "cli/program/app_verb.h"
#include "cli/view/text.h"

namespace pavise::cli {
namespace {

namespace json = boost::json;

struct ConvertArguments {
  std::string file, tenant, version = "1.0.0", out;
};

Mood mood_of(app::Fate fate) {
  switch (fate) {
    case app::Fate::none:
      return Mood::bad;
    case app::Fate::better:
      return Mood::good;
    default:
      return Mood::plain;
  }
}

std::string notes_text(const std::vector<app::Note>& notes, bool colour) {
  constexpr std::array<std::pair<app::Fate, std::string_view>, 4> kGroups{
      {{app::Fate::decide, "For you to decide:"},
       {app::Fate::none, "Without an equivalent:"},
       {app::Fate::better, "Better now:"},
       {app::Fate::maps, "The same:"}}};
  std::string out;
  for (const auto& [fate, title] : kGroups) {
    bool first = true;
    for (const app::Note& note : notes) {
      if (note.fate != fate) continue;
      if (first) out += std::string(title) + "\n";
      first = false;
      out += "  " +
             coloured(
                 Cell((note.member.empty() ? "" : note.member + ": ") + note.words, mood_of(fate)),
                 colour) +
             "\n";
    }
  }
  return out;
}

Exit convert(Session& session, const ConvertArguments& a) {
  app::ConvertOptions options;
  if (!a.tenant.empty()) {
    options.tenant = TenantId::parse(a.tenant);
    if (!options.tenant) return session.fail(Error(kBadArgument, "--tenant wants a tenant's name"));
  }
  const auto version = manifest::Version::parse(a.version);
  if (!version) return session.fail(Error(kBadArgument, "--app-version wants MAJOR.MINOR.PATCH"));
  options.version = *version;
  const auto text = read_text_file(a.file, manifest::kManifestBytesMax);
  if (!text) return session.fail(text.error());
  const auto converted = app::convert_azure_manifest(*text, options);
  if (!converted) return session.fail(converted.error());
  if (!a.out.empty())
    if (const Status written = app::write_whole(a.out, as_bytes(converted->manifest)); !written)
      return session.fail(written.error());
  if (session.json()) {
    json::array notes;
    for (const app::Note& note : converted->notes)
      notes.push_back(
          {{"fate", to_string(note.fate)}, {"pointer", note.member}, {"words", note.words}});
    session.print(json::serialize(json::object{{"manifest", json::parse(converted->manifest)},
                                               {"notes", std::move(notes)}}) +
                  "\n");
    return Exit::ok;
  }
  if (a.out.empty()) session.print(converted->manifest);
  // Beside the manifest, so that this can go into a file.
  session.note(notes_text(converted->notes, false));
  return Exit::ok;
}

}  // namespace

void add_app_convert_verb(CLI::App& app, Action& run) {
  auto a = std::make_shared<ConvertArguments>();
  CLI::App* verb = add_verb(
      app, "convert", "make a manifest from one of Azure Sphere, and say what became of each part",
      "  pavise app convert azure/app_manifest.json --tenant home --out app_manifest.json\n"
      "  pavise app convert azure/app_manifest.json > app_manifest.json");
  verb->add_option("MANIFEST", a->file,
                   "app_manifest.json of an Azure Sphere app; - for standard input")
      ->required();
  verb->add_option("--tenant", a->tenant, "the owner's tenant here, for DeviceAuthentication");
  verb->add_option("--app-version", a->version, "version of the app; 1.0.0 if absent");
  verb->add_option("--out", a->out, "file to write instead of standard output");
  on_verb(verb, run, a, &convert);
}

}  // namespace pavise::cli
