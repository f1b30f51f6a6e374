-- Rows for sluice.event_log, made of numbers and hashes of them; event_log_rows.py gives the parameters.
--
-- Eight rows side by side are one session, or two, or three. A session has a site, a visitor and a plan of what
-- happens in it; a row is a place in that plan. In each block of the ledger the rows are numbered in the order in
-- which they were received, so that source coordinates are dense and ascend with time, as the sinks write them.
INSERT INTO sluice.event_log
(
    project, api, event_type, event_id, timestamp, received_at, request_id, site_id, user_id, visitor_id,
    anonymous_id, session_id, url, page_title, referrer, utm_source, utm_medium, utm_campaign, country, device_type,
    browser, os, ip, user_agent, consent, order_id, value, currency, properties, payload, raw_line, outcome, stage,
    reason, duplicate_of, replay, changes_user, user_email, user_set, user_unset, source_topic, source_partition,
    source_offset, source_line, source_timestamp, block_first
)
WITH
    -- Number, share in percent, project, site, API of its pages, currency.
    -- Of 20 million rows shop_de has 1.4 million.
    [
        (1, 7, 'shop', 'shop_de', 'ingest', 'EUR'), (2, 28, 'shop', 'shop_us', 'ingest', 'USD'),
        (3, 5, 'shop', 'shop_jp', 'ingest', 'JPY'), (4, 30, 'news', 'news', 'pulse', ''),
        (5, 12, 'news', 'sport', 'pulse', ''), (6, 10, 'app', 'ios', 'client', 'USD'),
        (7, 8, 'app', 'android', 'events', 'EUR')
    ] AS sites,
    arrayFlatten(arrayMap(s -> arrayWithConstant(s.2, s.1), sites)) AS site_of_percent,

    -- Of each eight rows: which of their sessions they belong to, and at which place they stand in it.
    [
        [0, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 1, 1, 1, 1], [0, 1, 1, 2, 2, 2, 2, 2], [0, 0, 0, 1, 1, 1, 1, 1]
    ] AS parts,
    [
        [0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 1, 2, 3, 4, 5, 6], [0, 0, 1, 0, 1, 2, 3, 4], [0, 1, 2, 0, 1, 2, 3, 4]
    ] AS places,

    -- What happens in a session of anybody, and in one of a known user; how many of sixteen sessions are like that.
    [
        (5, 'page_view page_view page_view click page_view page_view page_view page_view'),
        (5, 'page_view product_view page_view product_view product_view page_view product_view page_view'),
        (3, 'page_view search product_view search product_view add_to_cart page_view page_view'),
        (3, 'page_view category_view product_view add_to_cart cart_view remove_from_cart page_view page_view')
    ] AS plans_of_anybody,
    [
        (4, 'login page_view product_view product_view page_view search product_view wishlist'),
        (4, 'page_view product_view add_to_cart checkout confirmation confirmation page_view page_view'),
        (3, 'email_sent email_open email_click page_view product_view page_view product_view page_view'),
        (3, 'email_sent email_open email_open page_view page_view page_view page_view page_view'),
        (1, 'user_saved page_view page_view update page_view page_view logout page_view'),
        (1, 'page_view search search product_view add_to_cart cart_view checkout page_view')
    ] AS plans_of_users,
    arrayFlatten(arrayMap(p -> arrayWithConstant(p.1, p.2), plans_of_anybody)) AS for_anybody,
    arrayFlatten(arrayMap(p -> arrayWithConstant(p.1, p.2), plans_of_users)) AS for_users,
    [
        'login', 'logout', 'user_saved', 'update', 'confirmation', 'email_sent', 'email_open', 'email_click'
    ] AS sent_by_servers,

    ['DE', 'US', 'US', 'US', 'JP', 'FR', 'GB', 'NL', 'AT', 'BR', 'IN', 'CA', ''] AS countries,
    ['Chrome', 'Chrome', 'Chrome', 'Safari', 'Safari', 'Firefox', 'Edge'] AS browsers,
    ['Windows', 'Android', 'macOS', 'iOS', 'iOS', 'Linux', 'Windows'] AS systems,
    ['desktop', 'mobile', 'desktop', 'mobile', 'tablet', 'desktop', 'desktop'] AS devices,
    ['', '', '', 'https://www.google.com/', 'https://www.bing.com/', 'https://t.co/9Zk2Ql'] AS referrers,
    [
        ['', '', ''], ['', '', ''], ['', '', ''], ['', '', ''], ['google', 'cpc', 'autumn_sale'],
        ['google', 'cpc', 'brand'], ['newsletter', 'email', 'weekly'], ['facebook', 'social', 'autumn_sale'],
        ['partner', 'referral', 'blog_review']
    ] AS campaigns,
    ['home', 'products', 'sale', 'stories', 'help', 'account'] AS sections,
    [
        'running shoes', 'rain jacket', 'tent', 'sleeping bag', 'head lamp', 'water bottle', 'trail map', 'backpack',
        'wool socks', 'gift card', 'climbing rope', 'stove', 'hat', 'gloves', 'size chart', 'return policy'
    ] AS terms,

    (x, times) -> 1 + x % length(times) AS pick,
    x -> leftPad(lower(hex(x)), 16, '0') AS digits,
    (at, x) -> toUUID(concat(
        leftPad(lower(hex(toUnixTimestamp64Milli(at))), 12, '0'), '7', substring(digits(x), 1, 3), '8',
        substring(digits(cityHash64(x)), 1, 15)
    )) AS uuid7,

    rows_in_places AS
    (
        SELECT
            number AS n,
            intDiv(n, {block_rows:UInt32}) AS block,
            1 + cityHash64({seed:UInt64}, 'pattern', intDiv(n, 8)) % 4 AS pattern,
            places[pattern][1 + n % 8] AS place,
            intDiv(n, 8) * 3 + parts[pattern][1 + n % 8] AS session,
            -- Two sources of chance, for the session and for the row; each choice takes other digits.
            cityHash64({seed:UInt64}, 'session', session) AS chance,
            cityHash64({seed:UInt64}, 'row', n) AS luck,
            site_of_percent[1 + chance % 100] AS site,
            -- As many visitors as a fifteenth of a site's rows, of whom a quarter is around at any time.
            {rows:UInt64} * sites[site].2 / 1500 AS visitors,
            intDiv(n, 8) * 8 / {rows:UInt64} + pow(chance % 1000003 / 1000003, 1.5) / 4 AS place_of_visitor,
            toUInt64(visitors * place_of_visitor) AS visitor,
            cityHash64({seed:UInt64}, site, visitor) AS person,
            visitor % 4 = 0 AS known,
            if(known, for_users, for_anybody)[1 + intDiv(chance, 1000) % 16] AS plan,
            splitByChar(' ', plan)[1 + place] AS event_type,
            intDiv(block, {blocks_a_month:UInt64}) AS month,
            {starts_ms:Array(Int64)}[1 + month] AS start_ms,
            -- In the last half hour of a month no session begins, so that no block reaches into the next month.
            ({starts_ms:Array(Int64)}[2 + month] - start_ms - 1800000) / {blocks_a_month:UInt64} AS span_ms,
            block % {blocks_a_month:UInt64} + intDiv(chance, 100000) % 1000003 / 1000003 AS spans,
            5000 + intDiv(chance, 10000) % 55000 AS pace_ms,
            fromUnixTimestamp64Milli(toInt64(start_ms + spans * span_ms + place * pace_ms + luck % 4000), 'UTC')
                AS received_at
        FROM numbers({first:UInt64}, {count:UInt64})
    ),
    in_order AS
    (
        SELECT *, toUInt64(row_number() OVER (PARTITION BY block ORDER BY received_at, n) - 1) AS row_of_block
        FROM rows_in_places
    ),
    on_the_log AS
    (
        SELECT
            *,
            intDiv(block, {partitions:UInt32}) * intDiv({block_rows:UInt32}, {record_rows:UInt32}) AS block_first,
            block_first + intDiv(row_of_block, {record_rows:UInt32}) AS source_offset,
            max(received_at) OVER (PARTITION BY block, source_offset) AS source_timestamp
        FROM in_order
    ),
    made AS
    (
        SELECT
            sites[site].3 AS project,
            sites[site].5 AS api_of_site,
            if(has(sent_by_servers, event_type), 'user_event', api_of_site) AS api,
            event_type,
            uuid7(received_at, luck) AS event_id,
            -- Of 200 events one comes up to six hours late.
            50 + luck % 400 + if(luck % 200 = 0, luck % 21600000, 0) AS delay_ms,
            received_at - toIntervalMillisecond(delay_ms) AS timestamp,
            received_at,
            lower(hex(sipHash128(session, place))) AS request_id,
            sites[site].4 AS site_id,
            if(known, concat('user-', toString(person % 100000000)), '') AS user_id,
            person AS visitor_id,
            if(known, '', lower(hex(sipHash128(person)))) AS anonymous_id,
            if(startsWith(event_type, 'email_'), '', digits(chance)) AS session_id,

            toUInt64(pow(intDiv(luck, 1000) % 1009 / 1009, 2) * 2000) AS product,
            toUInt64(pow(intDiv(luck, 2000) % 1013 / 1013, 3) * 500) AS page,
            if(event_type = 'product_view', 'products', sections[pick(intDiv(luck, 3000), sections)]) AS section,
            concat('https://', site_id, '.example/') AS home,
            concat(home, section, '/', toString(if(section = 'products', product, page))) AS url,
            concat(initcap(section), ' ', toString(page), ' - ', site_id) AS page_title,
            if(place = 0, referrers[pick(intDiv(chance, 7), referrers)], home) AS referrer,
            if(api_of_site = 'pulse', campaigns[1], campaigns[pick(intDiv(chance, 13), campaigns)]) AS campaign,
            campaign[1] AS utm_source,
            campaign[2] AS utm_medium,
            campaign[3] AS utm_campaign,

            countries[pick(intDiv(person, 3), countries)] AS country,
            devices[pick(person, devices)] AS device_type,
            if(api_of_site = 'pulse', '', browsers[pick(person, browsers)]) AS browser,
            if(api_of_site = 'pulse', '', systems[pick(person, systems)]) AS os,
            if(consent = 'denied', '', IPv4NumToString(toUInt32(person % 4000000000))) AS ip,
            concat(
                'Mozilla/5.0 (', if(os = '', 'X11; Linux x86_64', os), ') AppleWebKit/537.36 (KHTML, like Gecko) ',
                'Chrome/', toString(120 + person % 20), '.0.0.0 Safari/537.36'
            ) AS user_agent,
            multiIf(api_of_site != 'ingest', 'unknown', intDiv(person, 11) % 4 = 0, 'denied', 'granted') AS consent,

            if(event_type = 'confirmation', concat('order-', toString(session)), '') AS order_id,
            if(event_type = 'confirmation', 5 + intDiv(chance, 17) % 2500 / 10, NULL) AS value,
            if(event_type = 'confirmation', sites[site].6, '') AS currency,
            event_type IN ('product_view', 'add_to_cart', 'remove_from_cart', 'wishlist') AS of_product,
            mapFilter((name, value) -> value != '', map(
                'product_id', if(of_product, concat('p-', toString(product)), ''),
                'category', if(of_product, concat('c-', toString(product % 40)), ''),
                'price', if(of_product, toString(5 + product % 1000 / 10), ''),
                'query', if(event_type = 'search', terms[pick(intDiv(luck, 5000), terms)], ''),
                'results', if(event_type = 'search', toString(intDiv(luck, 7000) % 50), ''),
                'items', if(event_type = 'confirmation', concat(
                    '[{"product_id":"p-', toString(product), '","quantity":', toString(1 + luck % 3), '}]'
                ), ''),
                'mail', if(startsWith(event_type, 'email_'), concat('mail-', toString(toISOWeek(received_at))), ''),
                'viewport', concat(toString(320 + person % 1600), 'x', toString(480 + person % 1000)),
                'experiment', if(person % 2 = 0, 'control', 'variant')
            )) AS properties,
            concat(
                '{"eventName":"', event_type, '","timestamp":"', toString(timestamp), '","siteId":"', site_id,
                '","sessionId":"', session_id, '","anonymousId":"', anonymous_id, '","userId":"', user_id,
                '","pageUrl":"', url, '","pageTitle":"', page_title, '","referrer":"', referrer,
                '","deviceType":"', device_type, '","browser":"', browser, '","os":"', os,
                '","utmSource":"', utm_source, '","properties":', toJSONString(properties), '}'
            ) AS payload,

            if(outcome IN ('bot', 'invalid'), concat(
                '{"id":"', toString(event_id), '","request_id":"', request_id, '","project":"', project,
                '","api":"', api, '","event":null}'
            ), '') AS raw_line,
            multiIf(
                intDiv(chance, 19) % 100 = 0, 'bot', luck % 500 = 1, 'invalid', luck % 400 = 2, 'duplicate',
                event_type = 'confirmation' AND place = 5, 'duplicate',
                event_type = 'email_open' AND place = 2, 'throttled',
                'stored'
            ) AS outcome,
            multiIf(outcome = 'stored', '', outcome = 'invalid' AND luck % 2500 = 1, 'sink', 'processor') AS stage,
            transform(
                outcome, ['bot', 'invalid', 'duplicate', 'throttled'],
                ['Googlebot', 'the event cannot be read', 'stored before', 'within 20 minutes of the last one'], ''
            ) AS reason,
            if(outcome = 'duplicate', uuid7(received_at - toIntervalMillisecond(pace_ms), chance), NULL)
                AS duplicate_of,
            0 AS replay,
            outcome = 'stored' AND event_type IN ('login', 'update', 'user_saved') AS changes_user,
            if(changes_user, concat(user_id, '@example.com'), '') AS user_email,
            if(changes_user, map(
                'plan', ['free', 'free', 'free', 'plus', 'team'][1 + luck % 5],
                'language', ['de', 'en', 'ja'][1 + person % 3],
                'newsletter', if(luck % 3 = 0, 'true', 'false')
            ), map()) AS user_set,
            if(changes_user AND luck % 10 = 0, ['newsletter'], []) AS user_unset,

            {topic:UUID} AS source_topic,
            block % {partitions:UInt32} AS source_partition,
            source_offset,
            row_of_block % {record_rows:UInt32} AS source_line,
            source_timestamp,
            block_first
        FROM on_the_log
    )
SELECT * EXCEPT (api_of_site, delay_ms, product, page, section, home, campaign, of_product) FROM made
