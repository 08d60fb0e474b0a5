#include "guest/balloon.h"
struct balloon *balloon_start(struct guest *guest, const char **wrong){(void)guest;(void)wrong;return NULL;}
void balloon_poll(struct balloon *b){(void)b;}
