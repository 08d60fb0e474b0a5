// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/words.h"

#include <string.h>

bool words_have(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += length)
		if ((at == words || strchr(" \n", at[-1])) && strchr(" \n", at[length]))
			return true;
	return false;
}
