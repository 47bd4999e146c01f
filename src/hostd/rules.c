/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ioctls that hostd.conf denies and allows; see rules.h. */
#include "config.h"

#include <linux/ioctl.h>
#include <stdlib.h>

#include "hostd/rules.h"

struct rules {
	uint32_t n_holders;
	struct control_rules control;
};

struct rules *rules_new(const struct control_rules *control, bool *failedp)
{
	struct rules *rules;

	if (!control->n_deny && !control->n_allow)
		return NULL;
	/* The supervisor is trusted; but what is out of bounds must not be looked at. */
	rules = control->n_deny + control->n_allow <= CONTROL_RULES_MAX ? malloc(sizeof(*rules)) : NULL;
	if (!rules) {
		*failedp = true;
		return NULL;
	}
	rules->n_holders = 1;
	rules->control = *control;
	return rules;
}

struct rules *rules_get(struct rules *rules)
{
	if (rules)
		rules->n_holders++;
	return rules;
}

void rules_put(struct rules *rules)
{
	if (rules && --rules->n_holders == 0)
		free(rules);
}

/* The bits of a command that can tell it from another one. */
static uint32_t telling_bits(uint32_t class, bool compat)
{
	/* drm_ioctl() looks at nothing else in the number. */
	if (class == PROTO_CLASS_DRM || class == PROTO_CLASS_VIRTGPU)
		return _IOC(0, _IOC_TYPEMASK, _IOC_NRMASK, 0);
	return compat ? ~((uint32_t)_IOC_SIZEMASK << _IOC_SIZESHIFT) : UINT32_MAX;
}

static bool any_matches(const struct control_rule *rules, uint32_t n, uint32_t command, uint32_t bits)
{
	for (uint32_t i = 0; i < n; i++)
		if (!((command ^ rules[i].command) & rules[i].mask & bits))
			return true;
	return false;
}

static bool allowed(const struct rules *rules, uint32_t command, uint32_t bits)
{
	const struct control_rules *control = &rules->control;

	return any_matches(control->rules + control->n_deny, control->n_allow, command, bits);
}

bool rules_deny(const struct rules *rules, uint32_t command, uint32_t class, bool compat)
{
	uint32_t bits = telling_bits(class, compat);

	return rules && any_matches(rules->control.rules, rules->control.n_deny, command, bits) &&
	       !allowed(rules, command, bits);
}

bool rules_on_demand(const struct rules *rules, uint32_t command, uint32_t class, bool compat)
{
	return !rules || !rules->control.only_allowed || allowed(rules, command, telling_bits(class, compat));
}
