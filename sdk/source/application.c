#include <pavise/application.h>
#include <stdlib.h>

static const char* environment(const char* name) {
  const char* const text = getenv(name);
  return text ? text : "";
}

const char* pavise_app_name(void) {
  return environment("PAVISE_APP");
}

const char* pavise_app_component_id(void) {
  return environment("PAVISE_COMPONENT_ID");
}

const char* pavise_app_version(void) {
  return environment("PAVISE_VERSION");
}
