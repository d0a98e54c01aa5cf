// What a page is nicer with; all of it works without. No framework, no inline handlers, nothing from elsewhere.
'use strict';

const said = document.getElementById('said');

async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers keep the clipboard from pages that came over plain http: take the old way.
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
    button.focus();
  }
  button.textContent = 'Copied';
  said.textContent = 'Copied';
  setTimeout(() => {
    button.textContent = 'Copy';
    said.textContent = '';
  }, 1500);
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', () => copy(button));
}

for (const select of document.querySelectorAll('[data-submit]')) {
  select.addEventListener('change', () => select.form.requestSubmit());
}

// A button that deletes waits for the name that has to be typed; the server checks it again.
for (const form of document.querySelectorAll('form[data-typed]')) {
  const button = form.querySelector('button.danger');
  const look = () => {
    button.disabled = form.elements.confirm.value.trim() !== form.dataset.typed;
  };
  form.addEventListener('input', look);
  look();
}

// Exactly two versions can be compared.
for (const form of document.querySelectorAll('form[data-choose]')) {
  const boxes = [...form.querySelectorAll('input[type=checkbox]')];
  const button = form.querySelector('button');
  const look = () => {
    const chosen = boxes.filter(box => box.checked).length;
    button.disabled = chosen !== Number(form.dataset.choose);
    for (const box of boxes) {
      box.disabled = !box.checked && chosen >= Number(form.dataset.choose);
    }
  };
  form.addEventListener('change', look);
  look();
}

for (const time of document.querySelectorAll('time[datetime]')) {
  time.title = new Date(time.dateTime).toLocaleString();
}
