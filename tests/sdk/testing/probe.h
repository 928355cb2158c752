#pragma once

/* A line of the log: what, and the error's name or "done". */
void say(const char* what, int outcome);

void try_certificates(void);
