#include "cli/program/app_signing.h"

#include "cli/view/text.h"

namespace pavise::cli {

void add_app_signing_options(CLI::App* verb, std::string& key, std::string& tenant) {
  verb->add_option("--key", key,
                   "the owner's key: a file (pavise app key create) or pkcs11:...; that of the "
                   "context if absent");
  verb->add_option("--tenant", tenant,
                   "the owner's tenant on the service; that of the context if absent");
}

std::optional<AppSigning> find_app_signing(Session& session, const std::string& key,
                                           const std::string& tenant) {
  std::string chosen_key = key;
  std::string chosen_tenant = tenant;
  std::string taken;
  if (key.empty() || tenant.empty()) {
    const auto context = session.context();
    if (!context && !context.error().is(kNoContext)) {
      session.fail(context.error());
      return std::nullopt;
    }
    if (context && key.empty()) chosen_key = context->app_key;
    if (context && tenant.empty()) chosen_tenant = context->app_tenant;
    if (chosen_key.empty() || chosen_tenant.empty()) {
      session.fail(Error(kNothingSigns, chosen_key.empty() ? "no key" : "no tenant"));
      return std::nullopt;
    }
    if (key.empty()) taken += "key " + chosen_key;
    if (tenant.empty()) taken += (taken.empty() ? "tenant " : ", tenant ") + chosen_tenant;
  }
  auto parsed = TenantId::parse(chosen_tenant);
  if (!parsed) {
    session.fail(Error(kBadArgument, "--tenant wants a tenant's name"));
    return std::nullopt;
  }
  if (!taken.empty()) session.note("As the context says: " + safe_text(taken) + "\n");
  return AppSigning{std::move(chosen_key), *std::move(parsed)};
}

}  // namespace pavise::cli
