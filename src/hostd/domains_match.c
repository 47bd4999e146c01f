/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding a guest's domain in a list. No state, no Xen. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hostd/domains.h"

static bool is_number(const char *address, uint32_t *domidp)
{
	char *end;
	unsigned long number;

	if (!address[0] || strspn(address, "0123456789") != strlen(address))
		return false;
	errno = 0;
	number = strtoul(address, &end, 10);
	*domidp = errno || number > UINT32_MAX ? UINT32_MAX : number;
	return true;
}

static bool matches(const struct domain *domain, const char *address)
{
	if (domain->name && strcmp(domain->name, address) == 0)
		return true;
	return domain->uuid && strcasecmp(domain->uuid, address) == 0;
}

size_t domains_match(const struct domain_list *list, const char *address, uint32_t *domids)
{
	uint32_t domid;
	bool number = is_number(address, &domid);
	size_t n = 0;

	if (number && list->blind) {
		domids[0] = domid;
		return 1;
	}
	for (size_t i = 0; i < list->n_domains; i++) {
		const struct domain *domain = &list->domains[i];

		if (number ? domain->domid != domid : !matches(domain, address))
			continue;
		if (n < 2)
			domids[n] = domain->domid;
		n++;
	}
	return n;
}
