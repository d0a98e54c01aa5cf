"""The catalog: who there is, which models there are and which bytes they have. All SQL of the registry is here."""
