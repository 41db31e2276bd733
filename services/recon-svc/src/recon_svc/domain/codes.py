"""The discrepancy codes: what we would do about each, and what may be done by hand."""

#: Code -> (suggested action, why).
SUGGESTIONS: dict[str, tuple[str, str]] = {
    "ORPHAN_REVERSAL": ("find-original", "the bank took back money that we cannot find received"),
    "CURRENCY_MISMATCH": ("keep-on-account", "the invoice named is in another currency"),
    "DUPLICATE_PAYMENT": ("keep-on-account", "an equal payment has already been applied"),
    "CLOSED_REFERENCE": ("keep-on-account", "nothing is due on the invoice named"),
    "BAD_REFERENCE": ("apply", "the check digits of the reference are wrong: ask the payer"),
    "UNKNOWN_REFERENCE": ("apply", "no invoice has the reference named: ask the payer"),
    "AMBIGUOUS_MATCH": ("apply", "more than one answer fits: choose the invoices"),
    "OVER_PAY": ("keep-on-account", "more was paid than was due"),
    "UNKNOWN_PAYER": ("apply", "nobody we know has this account: identify the payer"),
    "MISSING_REMITTANCE": ("apply", "the payer is known but not what the payment is for"),
    "SHORT_PAY": ("accept-short", "less was paid than is due: accept the rest, or collect it"),
    "INVOICE_CHANGED_AFTER_PAY": ("dismiss", "money was taken off a corrected invoice: place it"),
}

#: Codes that speak of an open item and own no money.
ITEM_CODES = frozenset({"SHORT_PAY", "INVOICE_CHANGED_AFTER_PAY"})

#: What each action by hand may be done to: cash holds money, item does not.
ACTIONS: dict[str, frozenset[str]] = {
    "apply": frozenset({"cash"}),
    "un-apply": frozenset({"cash", "item"}),
    "keep-on-account": frozenset({"cash"}),
    "accept-short": frozenset({"item"}),
    "dismiss": frozenset({"item"}),
}
