"""The sample month: a seeded generator that knows the truth, a runner, and the comparison.

The truth is made from the intention of each case, never by applying the rules of recon-svc;
`billing_local` may not import a service (an import rule).
"""
